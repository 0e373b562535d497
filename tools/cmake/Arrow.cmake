# atelier::arrow, atelier::parquet: Apache Arrow C++ out of the pyarrow wheel, or an installed one found by CMake.
file(GLOB _arrow "${ATELIER_SITE_PACKAGES}/pyarrow/libarrow.so.*")
if(_arrow)
  foreach(_name arrow parquet)
    file(GLOB _library "${ATELIER_SITE_PACKAGES}/pyarrow/lib${_name}.so.*")
    list(GET _library 0 _library)
    add_library(atelier::${_name} SHARED IMPORTED)
    set_target_properties(atelier::${_name} PROPERTIES
      IMPORTED_LOCATION "${_library}"
      INTERFACE_INCLUDE_DIRECTORIES "${ATELIER_SITE_PACKAGES}/pyarrow/include")
  endforeach()
  list(APPEND CMAKE_BUILD_RPATH "${ATELIER_SITE_PACKAGES}/pyarrow")
  list(APPEND CMAKE_INSTALL_RPATH "${ATELIER_SITE_PACKAGES}/pyarrow")
else()
  find_package(Arrow REQUIRED)
  find_package(Parquet REQUIRED)
  add_library(atelier::arrow ALIAS Arrow::arrow_shared)
  add_library(atelier::parquet ALIAS Parquet::parquet_shared)
endif()
