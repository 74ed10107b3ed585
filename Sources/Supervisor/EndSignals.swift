import Glibc
import Linux
import SystemPackage

/// The signals that ask a command to end which goes on and on, and the one that tells of another size of
/// its terminal, taken from now on.
public struct EndSignals: ~Copyable {
  public enum Event: Sendable {
    /// Something else that was waited for.
    case change
    /// Nothing, for as long as was asked for.
    case none
    /// The terminal has another size.
    case resize
    /// A signal asks to end.
    case end
  }

  private let descriptor: Descriptor

  /// - Throws: where the process has no descriptor left.
  public init() throws(SystemError) {
    let taken = [SIGINT, SIGTERM, SIGHUP, SIGWINCH]
    var set = sigset_t()
    sigemptyset(&set)
    for signal in taken { sigaddset(&set, signal) }
    sigprocmask(SIG_BLOCK, &set, nil)
    descriptor = try Signal.descriptor(of: taken)
  }

  /// Waits for one of them, or until one of some descriptors can be read.
  ///
  /// - Parameter milliseconds: the longest wait; negative for ever.
  public func wait(for others: [FileDescriptor] = [], milliseconds: Int) throws -> Event {
    let ready = try waitForAny([descriptor.fd] + others, milliseconds: milliseconds)
    var event: Event = ready ? .change : .none
    while let signal = Signal.next(from: descriptor.fd) {
      if signal != SIGWINCH { return .end }
      event = .resize
    }
    return event
  }
}
