import Linux

/// What swrun itself has to be allowed.
enum Privilege {
  private static let needed = [
    "CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_MKNOD",
  ]

  static var missing: [String] {
    let own = CapabilitySet.current()
    return needed.filter { !own.contains($0) }
  }

  /// Refuses with the names of the capabilities that are missing, capabilities(7).
  static func check() throws(SupervisorError) {
    let missing = missing
    guard missing.isEmpty else {
      throw SupervisorError(
        "no privilege: \(missing.joined(separator: ", ")) \(missing.count == 1 ? "is" : "are") missing. Run swrun as root"
      )
    }
  }
}
