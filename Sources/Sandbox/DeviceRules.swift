import Linux
import OCI

extension DeviceFilter {
  /// What every workload may use, as runtime-spec config-linux.md (Default Devices) has it: null, zero,
  /// full, random, urandom, tty, console, ptmx and the terminals of devpts. Devices that are made are
  /// denied beside these: runc lets all be made, and counts on opening them being denied.
  static let standard: [Rule] =
    [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, nil)].map {
      (major: UInt32, minor: UInt32?) in
      Rule(allows: true, kind: .character, major: major, minor: minor, access: .all)
    }

  /// - Parameters:
  ///   - rules: `linux.resources.devices`, to which the standard ones are added.
  ///   - nodes: `linux.devices`, which the launch has to make inside the cgroup.
  init(_ rules: [Spec.DeviceRule], nodes: [Spec.Device]) throws(SandboxError) {
    var all: [Rule] = []
    for (index, rule) in rules.enumerated() {
      all.append(try Rule(rule, "linux.resources.devices[\(index)]"))
    }
    all += Self.standard
    for node in nodes where node.type != "p" {
      all.append(
        Rule(
          allows: true, kind: node.type == "b" ? .block : .character,
          major: node.major.flatMap(UInt32.init(exactly:)),
          minor: node.minor.flatMap(UInt32.init(exactly:)), access: .make))
    }
    self.init(all)
  }
}

extension DeviceFilter.Rule {
  init(_ rule: Spec.DeviceRule, _ origin: String) throws(SandboxError) {
    let kind: DeviceFilter.Kind?
    switch rule.type ?? "a" {
    case "a", "": kind = nil
    case "b": kind = .block
    case "c", "u": kind = .character
    case let other:
      throw SandboxError("\(origin).type \(other.debugDescription): the types are a, b and c")
    }
    guard let access = DeviceFilter.Access(rule.access.flatMap { $0.isEmpty ? nil : $0 } ?? "rwm")
    else {
      throw SandboxError("\(origin).access: it is some of r, w and m")
    }
    func number(_ value: Int64?, _ name: String) throws(SandboxError) -> UInt32? {
      guard let value, value != -1 else { return nil }
      guard let number = UInt32(exactly: value) else {
        throw SandboxError("\(origin).\(name): \(value) is no number of a device")
      }
      return number
    }
    self.init(
      allows: rule.allow, kind: kind, major: try number(rule.major, "major"),
      minor: try number(rule.minor, "minor"), access: access)
  }
}
