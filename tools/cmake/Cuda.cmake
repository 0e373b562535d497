# atelier_cuda_library(NAME FILE.cu...): CUDA kernels as a library for C++ targets. Sets ATELIER_HAS_CUDA_KERNELS where
# nvcc is. CMake's own CUDA language is not used: it makes nvcc the linker's front end of everything that links the
# library, and CMake 3.25 does not know nvcc's C++20. The .cu files know no torch, so all architectures take under a minute.
set(ATELIER_CUDA_ARCHITECTURES 80 89 90 100 CACHE STRING "Compute capabilities the kernels are compiled for")
set(ATELIER_HAS_CUDA_KERNELS OFF)
if(ATELIER_CUDA AND ATELIER_HAS_TORCH_CUDA)
  find_program(NVCC_PROGRAM nvcc HINTS /usr/local/cuda/bin ENV CUDA_HOME PATH_SUFFIXES bin)
  # The runtime that libtorch_cuda loads, so that there is one in the process.
  file(GLOB _cudart "${TORCH_ROOT_INCLUDE}/../../nvidia/cu*/lib/libcudart.so.*")
  if(NOT _cudart)
    find_library(_cudart_toolkit cudart HINTS /usr/local/cuda/lib64 ENV CUDA_HOME PATH_SUFFIXES lib64)
    set(_cudart "${_cudart_toolkit}")
  endif()
  if(NVCC_PROGRAM AND _cudart)
    list(GET _cudart 0 ATELIER_CUDART)
    get_filename_component(_cudart_folder "${ATELIER_CUDART}" DIRECTORY)
    list(APPEND CMAKE_INSTALL_RPATH "${_cudart_folder}")
    set(ATELIER_HAS_CUDA_KERNELS ON)
  endif()
endif()
message(STATUS "CUDA kernels: ${ATELIER_HAS_CUDA_KERNELS} ${NVCC_PROGRAM}")

set(_gencode "")
foreach(_architecture ${ATELIER_CUDA_ARCHITECTURES})
  list(APPEND _gencode -gencode arch=compute_${_architecture},code=sm_${_architecture})
endforeach()
list(GET ATELIER_CUDA_ARCHITECTURES -1 _newest)
list(APPEND _gencode -gencode arch=compute_${_newest},code=compute_${_newest})  # for what comes after

function(atelier_cuda_library name)
  set(_objects "")
  foreach(_source ${ARGN})
    get_filename_component(_stem "${_source}" NAME)
    set(_object "${CMAKE_CURRENT_BINARY_DIR}/${name}.${_stem}.o")
    add_custom_command(OUTPUT "${_object}"
      COMMAND "${NVCC_PROGRAM}" -ccbin "${CMAKE_CXX_COMPILER}" -std=c++20 -O3 --threads 0 ${_gencode}
              "-I${CMAKE_SOURCE_DIR}" -Xcompiler=-fPIC,-Wall,-Wextra -MD -MF "${_object}.d" -c "${_source}" -o "${_object}"
      DEPENDS "${_source}" DEPFILE "${_object}.d" VERBATIM
      COMMENT "Building CUDA object ${_stem}")
    list(APPEND _objects "${_object}")
  endforeach()
  add_library(${name} STATIC ${_objects})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(${name} INTERFACE "${ATELIER_CUDART}")
endfunction()
