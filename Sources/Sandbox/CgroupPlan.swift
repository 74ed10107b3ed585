public import Linux
public import OCI

/// What an instance's cgroup is to be: where it lies, what is written into its files, which devices
/// its processes may use. All of it is decided from the spec alone; see ``CgroupPlan/Setting`` for
/// how a value of version 1, which the specification has, becomes one of version 2.
public struct CgroupPlan: Hashable, Sendable {
  public enum Place: Hashable, Sendable {
    /// `/swrun/ID`, or a scope of systemd's own where that runs.
    case standard
    /// From the root of the hierarchy.
    case path(String)
    /// A scope of systemd's with this name, in this slice.
    case scope(String, slice: String)
  }

  /// One write into a file of the cgroup.
  public struct Setting: Hashable, Sendable {
    public let file: String
    public let value: String
    /// What has asked for it: `--memory (linux.resources.memory.limit)`.
    public let origin: String
    /// What is written instead where the kernel has this file.
    public var preferred: Preferred?
    /// A kernel without the file has nothing of what it limits.
    public var isOptional = false

    public struct Preferred: Hashable, Sendable {
      public let file: String
      public let value: String
    }

    init(_ file: String, _ value: String, _ origin: String) {
      self.file = file
      self.value = value
      self.origin = origin
    }

    /// The one that the file belongs to, `memory`.
    public var controller: String { String(file.prefix { $0 != "." }) }
  }

  public let place: Place
  public let settings: [Setting]
  public let devices: DeviceFilter
  /// Whether the spec says something of devices, or the workload could make some: then a kernel
  /// without the filter will not do.
  public let needsDeviceFilter: Bool

  /// Whether a machine without cgroup version 2 will not do, and what has asked for it.
  public var demand: String? {
    if let setting = settings.first { return setting.origin }
    if place != .standard { return "--cgroup-parent (linux.cgroupsPath)" }
    return needsDeviceFilter && !devices.allowsAll
      ? "the filter of devices (--device, --device-cgroup-rule, --cap-add MKNOD)" : nil
  }

  /// The controllers that the settings belong to, in the order of the settings, and what needs each.
  public var controllers: [(name: String, origin: String)] {
    var found: [(String, String)] = []
    for setting in settings
    where !setting.isOptional && setting.controller != "cgroup"
      && !found.contains(where: { $0.0 == setting.controller })
    {
      found.append((setting.controller, setting.origin))
    }
    return found
  }

  /// - Throws: what version 2 does not have, and values that make no sense.
  public init(_ spec: Spec) throws(SandboxError) {
    place = try Self.place(spec.linux.cgroupsPath)
    settings =
      try spec.linux.resources.map { resources throws(SandboxError) in
        try Self.settings(resources)
      } ?? []
    let rules = spec.linux.resources?.devices ?? []
    devices = try DeviceFilter(rules, nodes: spec.linux.devices)
    needsDeviceFilter =
      rules.contains(where: \.allow) || !spec.linux.devices.isEmpty
      || spec.process.capabilities.bounding.contains("CAP_MKNOD")
  }

  /// Absolute from the root of the hierarchy, relative from swrun's own cgroup, or `SLICE:PREFIX:NAME`
  /// as runc's systemd driver has it.
  private static func place(_ text: String?) throws(SandboxError) -> Place {
    guard let text, !text.isEmpty else { return .standard }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if parts.count == 3, !text.hasPrefix("/") {
      let slice = parts[0].isEmpty ? "system.slice" : parts[0]
      guard slice.hasSuffix(".slice"), !parts[2].isEmpty, !text.contains("/") else {
        throw SandboxError(
          "linux.cgroupsPath \(text.debugDescription): write it as NAME.slice:PREFIX:NAME, or as a path"
        )
      }
      return .scope(parts[1].isEmpty ? parts[2] : "\(parts[1])-\(parts[2])", slice: slice)
    }
    let names = text.split(separator: "/")
    guard !names.isEmpty, !names.contains(".."), !names.contains("."), !text.utf8.contains(0) else {
      throw SandboxError(
        "the cgroup \(text.debugDescription) is no place below the root of the hierarchy; write it as /NAME/NAME"
      )
    }
    let path = "/" + names.joined(separator: "/")
    return .path(text.hasPrefix("/") ? path : "/swrun\(path)")
  }
}
