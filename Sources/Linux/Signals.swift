import CLinux
import Glibc
public import SystemPackage

/// Signal names and sets, signal(7).
public enum Signal {
  /// Name without `SIG`, by number.
  static let names: [(String, CInt)] = [
    ("HUP", SIGHUP), ("INT", SIGINT), ("QUIT", SIGQUIT), ("ILL", SIGILL), ("TRAP", SIGTRAP),
    ("ABRT", SIGABRT), ("BUS", SIGBUS), ("FPE", SIGFPE), ("KILL", SIGKILL), ("USR1", SIGUSR1),
    ("SEGV", SIGSEGV), ("USR2", SIGUSR2), ("PIPE", SIGPIPE), ("ALRM", SIGALRM), ("TERM", SIGTERM),
    ("STKFLT", 16), ("CHLD", SIGCHLD), ("CONT", SIGCONT), ("STOP", SIGSTOP), ("TSTP", SIGTSTP),
    ("TTIN", SIGTTIN), ("TTOU", SIGTTOU), ("URG", SIGURG), ("XCPU", SIGXCPU), ("XFSZ", SIGXFSZ),
    ("VTALRM", SIGVTALRM), ("PROF", SIGPROF), ("WINCH", SIGWINCH), ("IO", SIGIO), ("PWR", 30),
    ("SYS", SIGSYS),
  ]

  /// The names that ``number(of:)`` takes, without `SIG`.
  public static var allNames: [String] { names.map(\.0) }

  /// `TERM`, `SIGTERM`, `sigterm` or `15`, as kill(1) takes them; also `RTMIN+n` and `RTMAX-n`.
  public static func number(of text: String) -> CInt? {
    if let number = CInt(text) { return (1...64).contains(number) ? number : nil }
    var name = text.uppercased()
    if name.hasPrefix("SIG") { name.removeFirst(3) }
    if let known = names.first(where: { $0.0 == name }) { return known.1 }
    if name == "RTMIN" { return 34 }
    if name == "RTMAX" { return 64 }
    if name.hasPrefix("RTMIN+"), let n = CInt(name.dropFirst(6)), (0...30).contains(n) {
      return 34 + n
    }
    if name.hasPrefix("RTMAX-"), let n = CInt(name.dropFirst(6)), (0...30).contains(n) {
      return 64 - n
    }
    return nil
  }

  /// Blocks every signal of this thread.
  public static func blockAll() {
    var all = sigset_t()
    sigfillset(&all)
    sigprocmask(SIG_SETMASK, &all, nil)
  }

  /// Gives every signal its default action and unblocks all, as a program expects it at its start.
  /// Makes no allocation: the child side uses it.
  public static func reset() {
    for signal in CInt(1)...64 where signal != SIGKILL && signal != SIGSTOP {
      Glibc.signal(signal, SIG_DFL)
    }
    var none = sigset_t()
    sigemptyset(&none)
    sigprocmask(SIG_SETMASK, &none, nil)
  }

  /// A descriptor that gives the blocked `signals`, signalfd(2).
  public static func descriptor(of signals: [CInt]) throws(SystemError) -> Descriptor {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    let flags = CInt(SFD_CLOEXEC) | CInt(SFD_NONBLOCK)
    return Descriptor(owning: try check("signalfd", "", signalfd(-1, &set, flags)))
  }

  /// The next signal that a descriptor of ``descriptor(of:)`` holds; `nil` when there is none.
  public static func next(from fd: FileDescriptor) -> CInt? {
    var info = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    return read(fd.rawValue, &info, size) == size ? CInt(bitPattern: info.ssi_signo) : nil
  }

  /// Signals that ask to end.
  public static let interruptions: Set<CInt> = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]

  /// Whether ``takeInterruption(from:)`` has ever found one; one thread calls it.
  nonisolated(unsafe) public private(set) static var wasInterrupted = false

  /// Takes what a descriptor of ``descriptor(of:)`` holds.
  ///
  /// - Returns: whether a signal is among it that asks to end.
  public static func takeInterruption(from fd: FileDescriptor) -> Bool {
    var ends = false
    while let signal = next(from: fd) {
      if interruptions.contains(signal) { ends = true }
    }
    if ends { wasInterrupted = true }
    return ends
  }

  /// The name of a signal without `SIG`; its number where it has none.
  public static func name(of number: CInt) -> String {
    names.first { $0.1 == number }?.0 ?? "\(number)"
  }
}
