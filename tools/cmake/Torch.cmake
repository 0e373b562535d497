# atelier::torch: LibTorch out of the torch wheel, or of an unpacked LibTorch on CMAKE_PREFIX_PATH. TorchConfig.cmake is
# not used: it demands nvcc even where no CUDA source is compiled.
find_path(TORCH_ROOT_INCLUDE ATen/ATen.h
  HINTS "${ATELIER_SITE_PACKAGES}/torch/include" PATH_SUFFIXES include NO_CMAKE_SYSTEM_PATH)
if(NOT TORCH_ROOT_INCLUDE)
  message(FATAL_ERROR
    "LibTorch not found. Run tools/setup, or give -DATELIER_SITE_PACKAGES=<folder holding torch/> or "
    "-DCMAKE_PREFIX_PATH=<unpacked LibTorch>; -DATELIER_TORCH=OFF builds without it.")
endif()
get_filename_component(_torch "${TORCH_ROOT_INCLUDE}" DIRECTORY)
set(_torch_lib "${_torch}/lib")

set(_cuda_include "")
foreach(_dir "${_torch}/../nvidia/cu13/include" "${_torch}/../nvidia/nccl/include")
  if(EXISTS "${_dir}")
    list(APPEND _cuda_include "${_dir}")
  endif()
endforeach()

add_library(atelier_torch INTERFACE)
add_library(atelier::torch ALIAS atelier_torch)
target_include_directories(atelier_torch SYSTEM INTERFACE
  "${TORCH_ROOT_INCLUDE}" "${TORCH_ROOT_INCLUDE}/torch/csrc/api/include" ${_cuda_include})
target_compile_definitions(atelier_torch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO)
target_link_libraries(atelier_torch INTERFACE "${_torch_lib}/libtorch_cpu.so" "${_torch_lib}/libc10.so")
if(EXISTS "${_torch_lib}/libtorch_cuda.so" AND ATELIER_CUDA)
  # Without --no-as-needed the linker drops the library, and no CUDA kernel registers itself.
  target_link_options(atelier_torch INTERFACE
    "LINKER:--push-state,--no-as-needed,${_torch_lib}/libtorch_cuda.so,${_torch_lib}/libc10_cuda.so,--pop-state")
  target_link_options(atelier_torch INTERFACE "LINKER:--allow-shlib-undefined")
  set(ATELIER_HAS_TORCH_CUDA ON)
  find_path(_nccl nccl.h HINTS ${_cuda_include} "${_torch}/../nvidia/nccl/include")
  find_path(_cudart cuda_runtime_api.h HINTS ${_cuda_include} /usr/local/cuda/include)
  if(_nccl AND _cudart)
    target_include_directories(atelier_torch SYSTEM INTERFACE "${_nccl}" "${_cudart}")
    target_compile_definitions(atelier_torch INTERFACE USE_C10D_NCCL ATELIER_HAS_NCCL)
  endif()
endif()
list(APPEND CMAKE_BUILD_RPATH "${_torch_lib}")
list(APPEND CMAKE_INSTALL_RPATH "${_torch_lib}")

# The shared precompiled header: one object library that every torch target reuses.
file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/torch_pch.cpp" CONTENT "// Holds the precompiled header.\n")  # only when new
add_library(atelier_torch_pch OBJECT "${CMAKE_BINARY_DIR}/torch_pch.cpp")
target_link_libraries(atelier_torch_pch PRIVATE atelier::torch atelier_warnings Threads::Threads)
target_include_directories(atelier_torch_pch PRIVATE "${CMAKE_SOURCE_DIR}")
target_precompile_headers(atelier_torch_pch PRIVATE
  <ATen/ATen.h> <torch/csrc/autograd/custom_function.h> <torch/csrc/autograd/autograd.h>
  <torch/csrc/autograd/generated/variable_factories.h> <algorithm> <string> <vector>)
