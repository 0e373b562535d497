#include "configs/base/memory.h"

#include <malloc.h>

namespace atelier {

void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace atelier
