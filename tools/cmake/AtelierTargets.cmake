# How a library, a program and a test of this project is declared.
find_package(Threads REQUIRED)

# atelier_library(NAME SOURCES ... [PUBLIC lib ...] [PRIVATE lib ...]): torch-free.
function(atelier_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  target_link_libraries(${name} PUBLIC Threads::Threads ${ARG_PUBLIC} PRIVATE atelier_warnings ${ARG_PRIVATE})
endfunction()

# Everything that includes torch: one precompiled header with identical flags, unity batches (docs/architecture.md).
function(atelier_use_torch name)
  target_link_libraries(${name} PRIVATE atelier::torch)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  get_target_property(_type ${name} TYPE)
  if(_type STREQUAL "EXECUTABLE")
    # Not -fPIE: the precompiled header is made with -fPIC.
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE -fPIC)
  endif()
  if(NOT "${name}" STREQUAL "atelier_torch_pch")
    target_precompile_headers(${name} REUSE_FROM atelier_torch_pch)
  endif()
endfunction()

# atelier_torch_library(NAME SOURCES ... [PUBLIC ...] [PRIVATE ...])
function(atelier_torch_library name)
  atelier_library(${name} ${ARGN})
  atelier_use_torch(${name})
endfunction()

# atelier_program(NAME SOURCES ... LIBS ... [TORCH])
function(atelier_program name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} atelier_warnings)
  if(ARG_TORCH)
    atelier_use_torch(${name})
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

# atelier_gtest(NAME SOURCES ... LIBS ... [LABELS ...] [ARGUMENTS ...] [TORCH]): one test program, run whole unless
# ARGUMENTS select; writes a JUnit report.
function(atelier_gtest name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;LIBS;LABELS;ARGUMENTS" ${ARGN})
  find_package(GTest REQUIRED)
  if(NOT ARG_LABELS)
    set(ARG_LABELS fast)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gtest GTest::gmock GTest::gtest_main atelier_warnings)
  target_compile_definitions(${name} PRIVATE ATELIER_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/golden")
  if(ARG_TORCH)
    atelier_use_torch(${name})
  endif()
  add_test(NAME ${name}
           COMMAND ${name} --gtest_output=xml:${CMAKE_BINARY_DIR}/test-reports/${name}.xml ${ARG_ARGUMENTS})
  # What `atelier` sets for its programs too: OpenMP's threads spin shortly and then sleep. By default they keep spinning
  # on cores that other tests need (60 s became 4 s on a busy machine).
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600 ENVIRONMENT "GOMP_SPINCOUNT=20000")
endfunction()

# atelier_pytest(NAME FILE ... [LABELS ...]): tests against Python peers, or of the programs as a user runs them.
# They find the build folder in ATELIER_BUILD_DIR.
function(atelier_pytest name)
  cmake_parse_arguments(ARG "" "FILE;TIMEOUT" "LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS integration)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 900)
  endif()
  add_test(NAME ${name}
           COMMAND ${ATELIER_PYTHON} -m pytest -q -p no:cacheprovider
                   --junitxml=${CMAKE_BINARY_DIR}/test-reports/${name}.xml ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_FILE})
  set(_environment GOMP_SPINCOUNT=20000 PYTHONDONTWRITEBYTECODE=1
      ATELIER_BUILD_DIR=${CMAKE_BINARY_DIR} ATELIER_SOURCE_DIR=${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "${_environment}")
endfunction()
