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
  let page = UInt(getpagesize())
  let depth: UInt = 1 << 20
  var mark: UInt8 = 0
  withUnsafeMutableBytes(of: &mark) { mark in
    // Two pages for what this function and madvise(2) itself have there. What is not mapped in the range is
    // passed over (ENOMEM, madvise(2)): the kernel maps nothing else so close below a main thread's stack
    // (`mmap_base`, mm/util.c).
    let end = UInt(bitPattern: mark.baseAddress) / page * page - 2 * page
    madvise(UnsafeMutableRawPointer(bitPattern: end - depth), Int(depth), MADV_DONTNEED)
  }
}
