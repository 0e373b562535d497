// How the process's allocator treats freed memory.
#pragma once

namespace atelier {

/// For programs that make one large tensor after another: glibc gives freed blocks back to the kernel, and the pages of
/// the next one are then cleared and mapped again, 4 KiB at a time (docs/benchmarks.md, "Freed memory"). From now on
/// they are kept for the next tensor, but for a free end of the heap of more than 1 GiB. Call it before the first
/// threads start.
void keep_freed_memory();

}  // namespace atelier
