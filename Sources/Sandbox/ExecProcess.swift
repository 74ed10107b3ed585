public import OCI

extension Spec.Process {
  /// The same process with what `swrun exec` changes. Capabilities never grow: another user than
  /// root has none.
  public func adapted(
    command: [String], environment: [String], workingDirectory: String?, user: String?,
    terminal: Bool, root: String
  ) throws(SandboxError) -> Spec.Process {
    var process = self
    process.args = command
    process.terminal = terminal
    process.consoleSize = nil
    if let workingDirectory { process.cwd = workingDirectory }
    var values: [(key: String, value: String)] = env.map { entry in
      let pair = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (String(pair[0]), pair.count > 1 ? String(pair[1]) : "")
    }
    if let user {
      let account = try Accounts(root: root).resolve(user)
      process.user = account.ids
      if account.ids.uid != 0 {
        process.capabilities = Spec.Capabilities(
          bounding: process.capabilities.bounding, effective: [])
      }
      values.removeAll { $0.key == "HOME" }
      values.append(("HOME", account.home))
    }
    if terminal, !values.contains(where: { $0.key == "TERM" }) { values.append(("TERM", "xterm")) }
    process.env = try Spec.applyEnvironment(environment, to: values)
    return process
  }
}
