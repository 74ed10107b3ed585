import CLinux
import Glibc
public import SystemPackage

/// A terminal's size in character cells, ioctl_tty(2).
public struct TerminalSize: Hashable, Sendable {
  public let rows: UInt16
  public let columns: UInt16

  public init(rows: UInt16, columns: UInt16) {
    self.rows = rows
    self.columns = columns
  }

  /// The size of a terminal that is open; `nil` for what is none.
  public init?(of fd: FileDescriptor) {
    var size = winsize()
    guard swrun_ioctl_ptr(fd.rawValue, UInt(TIOCGWINSZ), &size) == 0 else { return nil }
    rows = size.ws_row
    columns = size.ws_col
  }

  /// Sets the size of the terminal behind a pseudoterminal; its foreground group gets SIGWINCH.
  public func apply(to fd: FileDescriptor) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = swrun_ioctl_ptr(fd.rawValue, UInt(TIOCSWINSZ), &size)
  }
}

/// A pair of pseudoterminal ends, pty(7).
@frozen public struct Pseudoterminal: ~Copyable {
  public var master: Descriptor
  public var terminal: Descriptor

  /// Opens a new pair from the `ptmx` device in a directory of devpts. The other end is asked for with `TIOCGPTPEER`, so that
  /// no path in a hostile tree is looked up.
  public init(ptmx: String, in directory: FileDescriptor) throws(SystemError) {
    let master = try Descriptor.open(ptmx, O_RDWR | O_NOCTTY | O_NOFOLLOW, in: directory)
    var unlocked: CInt = 0
    try check(
      "TIOCSPTLCK", ptmx, swrun_ioctl_ptr(master.fd.rawValue, 0x4004_5431, &unlocked))
    let getPeer: UInt = 0x5441
    let peer = swrun_ioctl_int(
      master.fd.rawValue, getPeer, UInt(O_RDWR | O_NOCTTY | O_CLOEXEC))
    terminal = Descriptor(owning: try check("TIOCGPTPEER", ptmx, peer))
    self.master = master
  }
}

/// Makes the terminal on `fd` the controlling terminal of this session, whose leader this process is.
public func takeControllingTerminal(_ fd: FileDescriptor) throws(SystemError) {
  try check("TIOCSCTTY", "", swrun_ioctl_int(fd.rawValue, UInt(TIOCSCTTY), 0))
}

/// A terminal in raw mode, cfmakeraw(3): every key goes to the instance's own terminal. The former
/// mode comes back with the end of the owner.
public struct RawTerminal: ~Copyable {
  private let fd: FileDescriptor
  private let former: termios

  /// `nil` for what is no terminal.
  public init?(_ fd: FileDescriptor) {
    var mode = termios()
    guard tcgetattr(fd.rawValue, &mode) == 0 else { return nil }
    self.fd = fd
    former = mode
    enter()
  }

  /// Raw mode, again. In the background this waits for the foreground, as all that changes a terminal
  /// does (SIGTTOU).
  public borrowing func enter() {
    var mode = former
    cfmakeraw(&mode)
    tcsetattr(fd.rawValue, TCSADRAIN, &mode)
  }

  /// The former mode. Who is in the background leaves the terminal to those in the foreground.
  public borrowing func leave() {
    let group = tcgetpgrp(fd.rawValue)
    if group > 0, group != getpgrp() { return }
    var mode = former
    // Not TCSADRAIN: a terminal whose other end has stopped reading would never let go.
    tcsetattr(fd.rawValue, TCSANOW, &mode)
  }

  /// Stops this process, as SIGTSTP asks, with the terminal as it was. Returns when it goes on, in raw
  /// mode.
  public borrowing func pause() {
    leave()
    raise(SIGSTOP)
    enter()
  }

  deinit { leave() }
}

/// Whether `fd` is a terminal, isatty(3).
public func isTerminal(_ fd: FileDescriptor) -> Bool { isatty(fd.rawValue) == 1 }
