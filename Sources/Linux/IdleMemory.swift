import CLinux
import Glibc

/// Gives back memory that this process has touched and does not use any more: whole pages in the heap,
/// what lies below the present end of the stack, and the program's own code, of which the kernel maps
/// again what is still used. For a process that will mostly wait from here on; to be called on the main
/// thread, which is the one whose stack it is.
@inline(never)
public func releaseIdleMemory() {
  malloc_trim(0)
  let code = swrun_code()
  madvise(code.start, code.size, MADV_DONTNEED)
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

/// Unmaps what this process has not written of its program's data. The kernel maps what is used again, as
/// it does with the code. For a process that sees the /proc of the host.
public func releaseCleanData() {
  let data = swrun_data()
  let size = Int(getpagesize())
  guard let start = data.start, let file = try? Descriptor.open("/proc/self/pagemap", O_RDONLY)
  else { return }
  var pages = [UInt64](repeating: 0, count: data.size / size)
  let wanted = pages.count * 8
  let place = Int(bitPattern: start) / size * 8
  guard pread(file.fd.rawValue, &pages, wanted, place) == wanted else { return }
  // Bits of Documentation/admin-guide/mm/pagemap.rst: 63 present, 62 swapped out, 61 of a file. What has
  // been written is this process's own and of no file.
  var next = 0
  while let first = pages[next...].firstIndex(where: { $0 >> 61 == 0b101 }) {
    next = pages[first...].firstIndex { $0 >> 61 != 0b101 } ?? pages.count
    madvise(start + first * size, (next - first) * size, MADV_DONTNEED)
  }
}
