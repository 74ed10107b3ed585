import CLinux
import Glibc

/// Gives back memory that this process has touched and does not use any more: whole pages in the heap,
/// what lies below the present end of the stack, and the program's own code, of which the kernel maps
/// again what is still used. For a process that will mostly wait from here on; to be called on the main
/// thread, which is the one whose stack it is.
@inline(never)
public func releaseIdleMemory() {
  malloc_trim(0)
  swrun_unmap_code()
  swrun_release_stack()
}
