# atelier::arrow: Apache Arrow C++ out of the pyarrow wheel, or an installed Arrow found by CMake.
file(GLOB _arrow "${ATELIER_SITE_PACKAGES}/pyarrow/libarrow.so.*")
if(_arrow)
  list(GET _arrow 0 _arrow)
  add_library(atelier::arrow SHARED IMPORTED)
  set_target_properties(atelier::arrow PROPERTIES
    IMPORTED_LOCATION "${_arrow}"
    INTERFACE_INCLUDE_DIRECTORIES "${ATELIER_SITE_PACKAGES}/pyarrow/include")
  list(APPEND CMAKE_BUILD_RPATH "${ATELIER_SITE_PACKAGES}/pyarrow")
  list(APPEND CMAKE_INSTALL_RPATH "${ATELIER_SITE_PACKAGES}/pyarrow")
else()
  find_package(Arrow REQUIRED)
  add_library(atelier::arrow ALIAS Arrow::arrow_shared)
endif()
