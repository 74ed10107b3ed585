import Glibc
public import SystemPackage

/// Starts a program of the host with three descriptors, no environment but the C locale, and no signal
/// blocked: those that a monitor has blocked are its own affair.
///
/// - Parameters:
///   - program: a path, or a name that is looked for in `PATH`.
///   - arguments: with `argv[0]`.
/// - Returns: its pid, to be waited for.
/// - Throws: `SystemError` where it cannot be started: posix_spawnp(3).
public func spawn(
  _ program: String, _ arguments: [String], input: FileDescriptor, output: FileDescriptor,
  errors: FileDescriptor
) throws(SystemError) -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  for (fd, place) in [(input, CInt(0)), (output, 1), (errors, 2)] {
    posix_spawn_file_actions_adddup2(&actions, fd.rawValue, place)
  }
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var none = sigset_t()
  sigemptyset(&none)
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
  let words = arguments.map { strdup($0) } + [nil]
  let variables = [strdup("LC_ALL=C"), nil]
  defer { for text in words + variables { free(text) } }
  var pid: pid_t = 0
  let result = posix_spawnp(&pid, program, &actions, &attributes, words, variables)
  guard result == 0 else {
    throw SystemError("posix_spawn", program, errno: Errno(rawValue: result))
  }
  return pid
}
