# What the programs look for beside themselves (configs/base/resources.h): under build/share/atelier while developing,
# under PREFIX/share/atelier when installed.
set(_share "${CMAKE_BINARY_DIR}/share/atelier")
file(MAKE_DIRECTORY "${_share}")
file(CREATE_LINK "${CMAKE_SOURCE_DIR}/configs/recipes" "${_share}/recipes" SYMBOLIC)
file(CREATE_LINK "${CMAKE_SOURCE_DIR}/configs/lists" "${_share}/lists" SYMBOLIC)
install(DIRECTORY configs/recipes configs/lists DESTINATION share/atelier)

set(_vocabulary "${ATELIER_SITE_PACKAGES}/open_clip/bpe_simple_vocab_16e6.txt.gz")
if(EXISTS "${_vocabulary}")
  file(MAKE_DIRECTORY "${_share}/clip")
  file(CREATE_LINK "${_vocabulary}" "${_share}/clip/bpe_simple_vocab_16e6.txt.gz" SYMBOLIC)
  install(FILES "${_vocabulary}" DESTINATION share/atelier/clip)
else()
  message(STATUS "CLIP vocabulary not found: tools/setup unpacks it from the open-clip-torch wheel")
endif()
