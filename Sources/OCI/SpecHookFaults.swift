extension Spec.Hooks {
  /// The lists by their names, in the order in which they are run.
  public var all: [(name: String, list: [Spec.Hook])] {
    [
      ("prestart", prestart), ("createRuntime", createRuntime),
      ("createContainer", createContainer), ("startContainer", startContainer),
      ("poststart", poststart), ("poststop", poststop),
    ]
  }
}

extension Spec {
  func checkHooks(_ found: inout Faults) {
    for (name, list) in hooks?.all ?? [] {
      for (index, hook) in list.enumerated() {
        let place = "hooks.\(name)[\(index)]"
        if !hook.path.hasPrefix("/") || hook.path.utf8.contains(0) {
          found.add("\(place).path", "\(hook.path.debugDescription) is not absolute")
        }
        for (number, text) in hook.args.enumerated() where text.utf8.contains(0) {
          found.add("\(place).args[\(number)]", "holds a NUL byte")
        }
        found.checkEnvironment("\(place).env", hook.env)
        if let timeout = hook.timeout, timeout <= 0 {
          found.add("\(place).timeout", "\(timeout) is not more than 0")
        }
      }
    }
  }
}
