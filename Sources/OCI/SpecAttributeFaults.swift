public import Linux

extension Spec.Faults {
  /// A word that is none of those that there are.
  mutating func unknown(_ path: String, _ word: String, _ words: some Sequence<String>) {
    let words = words.sorted()
    let near = suggestion(for: word, in: words)
    add(
      path,
      "has the unknown value \(word.debugDescription)\(near.isEmpty ? "; the values are \(words.joined(separator: ", "))" : near)"
    )
  }
}

extension Spec {
  /// What a process is given besides its command, user and capabilities.
  func checkAttributes(_ found: inout Faults) {
    checkTexts(&found)
    if let umask = process.user.umask, umask > 0o777 {
      found.add("process.user.umask", "\(umask) is more than 511 (0777)")
    }
    if process.terminal, let size = process.consoleSize, size.height == 0 || size.width == 0 {
      found.add("process.consoleSize", "has a side of 0 characters")
    }
    checkLimits(&found)
    if let scheduler = process.scheduler { check(scheduler, &found) }
    if let priority = process.ioPriority {
      if Linux.IOPriority.classes[priority.class] == nil {
        found.unknown("process.ioPriority.class", priority.class, Linux.IOPriority.classes.keys)
      }
      if let level = priority.priority, !(0...7).contains(level) {
        found.add("process.ioPriority.priority", "\(level) is not 0 to 7")
      }
    }
    let affinity = process.execCPUAffinity
    for (name, text) in [("initial", affinity?.initial), ("final", affinity?.final)] {
      if let text, NumberSet(parsing: text) == nil {
        found.add(
          "process.execCPUAffinity.\(name)", "\(text.debugDescription) is no list such as 0-3,7")
      }
    }
    if let personality = linux.personality {
      if personality.kind == nil {
        found.unknown("linux.personality.domain", personality.domain, ["LINUX", "LINUX32"])
      }
      if !personality.flags.isEmpty {
        found.add("linux.personality.flags", "has to be empty: the specification has none yet")
      }
    }
    if let policy = linux.memoryPolicy { check(policy, &found) }
    if annotations?.keys.contains("") == true {
      found.add("annotations", "has an empty name")
    }
  }

  private func checkTexts(_ found: inout Faults) {
    for (index, text) in process.args.enumerated() where text.utf8.contains(0) {
      found.add("process.args[\(index)]", "holds a NUL byte")
    }
    found.checkEnvironment("process.env", process.env)
    if process.cwd.utf8.contains(0) { found.add("process.cwd", "holds a NUL byte") }
  }

  private func checkLimits(_ found: inout Faults) {
    var seen: Set<String> = []
    for (index, limit) in process.rlimits.enumerated() {
      let place = "process.rlimits[\(index)]"
      if LimitKind(specName: limit.type) == nil {
        found.unknown("\(place).type", limit.type, LimitKind.allCases.map(\.specName))
      }
      if !seen.insert(limit.type).inserted {
        found.add("\(place).type", "\(limit.type.debugDescription) is there twice")
      }
      if limit.soft > limit.hard {
        found.add("\(place).soft", "\(limit.soft) is more than hard, \(limit.hard)")
      }
    }
  }

  private func check(_ scheduler: Scheduler, _ found: inout Faults) {
    let place = "process.scheduler"
    let policy = scheduler.policy
    if policy == "SCHED_ISO" {
      found.add("\(place).policy", "SCHED_ISO is a number that Linux keeps free and does not have")
    } else if SchedulerAttributes.policies[policy] == nil {
      found.unknown("\(place).policy", policy, SchedulerAttributes.policies.keys)
    }
    for (index, flag) in scheduler.flags.enumerated()
    where SchedulerAttributes.flags[flag] == nil {
      if flag.hasPrefix("SCHED_FLAG_UTIL_CLAMP_") {
        found.add(
          "\(place).flags[\(index)]",
          "\(flag) needs a value, which the specification has no place for")
      } else {
        found.unknown("\(place).flags[\(index)]", flag, SchedulerAttributes.flags.keys)
      }
    }
    let nice = scheduler.nice ?? 0
    if !(-20...19).contains(nice) { found.add("\(place).nice", "\(nice) is not -20 to 19") }
    if nice != 0, !["SCHED_OTHER", "SCHED_BATCH"].contains(policy) {
      found.add("\(place).nice", "has a meaning with SCHED_OTHER and SCHED_BATCH alone")
    }
    let priority = scheduler.priority ?? 0
    if ["SCHED_FIFO", "SCHED_RR"].contains(policy) {
      if !(1...99).contains(priority) {
        found.add("\(place).priority", "has to be 1 to 99 with \(policy)")
      }
    } else if priority != 0 {
      found.add("\(place).priority", "has a meaning with SCHED_FIFO and SCHED_RR alone")
    }
    checkDeadline(scheduler, &found)
  }

  private func checkDeadline(_ scheduler: Scheduler, _ found: inout Faults) {
    let place = "process.scheduler"
    let runtime = scheduler.runtime ?? 0
    let deadline = scheduler.deadline ?? 0
    let period = scheduler.period ?? 0
    guard scheduler.policy == "SCHED_DEADLINE" else {
      for (name, value) in [("runtime", runtime), ("deadline", deadline), ("period", period)]
      where value != 0 {
        found.add("\(place).\(name)", "has a meaning with SCHED_DEADLINE alone")
      }
      return
    }
    if runtime < 1024 { found.add("\(place).runtime", "has to be 1024 ns at least") }
    if runtime > deadline { found.add("\(place).deadline", "has to be runtime at least") }
    if period != 0, deadline > period {
      found.add("\(place).period", "has to be deadline at least")
    }
  }

  private func check(_ policy: MemoryPolicy, _ found: inout Faults) {
    let place = "linux.memoryPolicy"
    if Linux.MemoryPolicy.modes[policy.mode] == nil {
      found.unknown("\(place).mode", policy.mode, Linux.MemoryPolicy.modes.keys)
    }
    for (index, flag) in policy.flags.enumerated() where Linux.MemoryPolicy.flags[flag] == nil {
      found.unknown("\(place).flags[\(index)]", flag, Linux.MemoryPolicy.flags.keys)
    }
    let nodes = policy.nodes ?? ""
    if !nodes.isEmpty, NumberSet(parsing: nodes) == nil {
      found.add("\(place).nodes", "\(nodes.debugDescription) is no list such as 0-1")
    }
    if ["MPOL_DEFAULT", "MPOL_LOCAL"].contains(policy.mode) {
      if !nodes.isEmpty { found.add("\(place).nodes", "has no meaning with \(policy.mode)") }
      if !policy.flags.isEmpty {
        found.add("\(place).flags", "have no meaning with \(policy.mode)")
      }
    } else if nodes.isEmpty, policy.mode != "MPOL_PREFERRED" {
      found.add("\(place).nodes", "is missing; \(policy.mode) needs it")
    }
    if Set(policy.flags).isSuperset(of: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]) {
      found.add("\(place).flags", "has two that exclude each other")
    }
  }
}

extension Spec.Faults {
  mutating func checkEnvironment(_ path: String, _ list: [String]) {
    for (index, entry) in list.enumerated() {
      let place = "\(path)[\(index)]"
      if entry.utf8.contains(0) { add(place, "holds a NUL byte") }
      if entry.hasPrefix("=") || !entry.contains("=") {
        add(place, "\(entry.debugDescription) is not KEY=value")
      }
    }
  }
}

extension Spec.Personality {
  /// `nil` for a domain that there is not.
  public var kind: Linux.Personality? {
    switch domain {
    case "LINUX": .linux
    case "LINUX32": .linux32
    default: nil
    }
  }
}
