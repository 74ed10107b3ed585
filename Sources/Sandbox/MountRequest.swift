import Glibc
import Linux
public import OCI

extension Spec.Mount {
  /// `-v SOURCE:DESTINATION[:OPTIONS]`, as Docker and Podman have it.
  public init(volume text: String) throws(SandboxError) {
    let option = "-v \(text.debugDescription)"
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 || parts.count == 3 else {
      throw SandboxError("\(option): write it as SOURCE:DESTINATION or SOURCE:DESTINATION:ro")
    }
    guard parts[0].hasPrefix("/"), parts[1].hasPrefix("/") else {
      throw SandboxError(
        "\(option): both paths have to be absolute; named volumes do not exist here")
    }
    self = .bound(parts[0], to: parts[1])
    let given = parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : []
    for word in given { try takeVolumeOption(word, option) }
    try checkDestination(option)
    try checkSource(option)
  }

  /// With all that is mounted below, and without set-id programs and devices.
  private static func bound(_ source: String, to destination: String) -> Spec.Mount {
    Spec.Mount(
      destination: destination, type: "bind", source: source,
      options: ["rbind", "rnosuid", "rnodev"])
  }

  private static let recursive = [
    "exec", "noexec", "suid", "nosuid", "dev", "nodev", "noatime", "nosymfollow",
  ]

  private mutating func takeVolumeOption(
    _ word: String, _ option: String
  ) throws(SandboxError) {
    switch word {
    case "rw": options.removeAll { $0 == "rro" }
    case "ro": options.append("rro")
    case "bind": options = options.map { $0 == "rbind" ? "bind" : $0 }
    case "rbind": options = options.map { $0 == "bind" ? "rbind" : $0 }
    case "z", "Z":
      throw SandboxError(
        FileIdentity(path: "/sys/fs/selinux/enforce") == nil
          ? "\(option): \(word) sets SELinux labels, and this host has no SELinux; leave it out"
          : "\(option): swrun does not change labels of the host's files. Use chcon -R -t container_file_t \(source ?? "")"
      )
    case "nocopy", "consistent", "cached", "delegated", "U", "O", "copy":
      throw SandboxError(
        "\(option): \(word) has no meaning for a path of the host here; leave it out")
    default:
      if let propagation = MountPropagation(word), propagation.kind != .unbindable {
        options.append(word)
      } else if Self.recursive.contains(word) {
        options.append("r\(word)")
      } else {
        throw SandboxError(
          "\(option): unknown option \(word.debugDescription); the options are ro, rw, noexec, exec, suid, dev, noatime, nosymfollow, bind, private, slave, shared, rprivate, rslave, rshared"
        )
      }
    }
  }

  /// `--tmpfs DESTINATION[:OPTIONS]`
  public init(tmpfs text: String) throws(SandboxError) {
    let option = "--tmpfs \(text.debugDescription)"
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    self = .fresh(at: String(parts[0]))
    let given = parts.count == 2 ? parts[1].split(separator: ",").map(String.init) : []
    // Docker's default is the kernel's, which is the same.
    options += given
    try checkDestination(option)
    let read = MountOptions(self)
    if let objection = read.objections.first {
      throw SandboxError("\(option): an option \(objection.reason)")
    }
    if read.isRemount || read.bind != nil || read.idMap != nil {
      throw SandboxError("\(option): remount, bind and idmap are no options of a fresh directory")
    }
    for datum in read.data where !Self.tmpfsOptions.contains(datum.key) {
      throw SandboxError(
        "\(option): unknown option \(datum.key.debugDescription); a tmpfs has \(Self.tmpfsOptions.joined(separator: ", ")), and those of any mount"
      )
    }
  }

  private static let tmpfsOptions = [
    "size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "huge", "inode64", "noswap",
  ]

  private static func fresh(at destination: String) -> Spec.Mount {
    Spec.Mount(
      destination: destination, type: "tmpfs", source: "tmpfs",
      options: ["nosuid", "nodev", "noexec", "mode=1777"])
  }

  /// `--mount type=bind|tmpfs,source=...,destination=...`, as Docker spells it.
  public init(mountOption text: String) throws(SandboxError) {
    let option = "--mount \(text.debugDescription)"
    var keys: [(key: String, value: String?)] = []
    for field in try Self.fields(text, option) {
      let pair = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      keys.append((String(pair[0]), pair.count > 1 ? String(pair[1]) : nil))
    }
    func value(_ names: String...) -> String? { keys.last { names.contains($0.key) }?.value }
    guard let destination = value("destination", "dst", "target") else {
      throw SandboxError("\(option): it needs destination=PATH")
    }
    switch value("type") {
    case "bind":
      guard let source = value("source", "src"), source.hasPrefix("/") else {
        throw SandboxError("\(option): it needs source=PATH, absolute")
      }
      self = .bound(source, to: destination)
    case "tmpfs": self = .fresh(at: destination)
    case "volume", nil:
      throw SandboxError(
        "\(option): named volumes do not exist here; write type=bind or type=tmpfs")
    case .some(let type):
      throw SandboxError(
        "\(option): unknown type \(type.debugDescription); there is bind and tmpfs")
    }
    for (key, value) in keys { try takeMountKey(key, value, option) }
    try checkDestination(option)
    if isBind { try checkSource(option) }
  }

  /// Separated by commas, as in a CSV file: a field that holds one stands in quotation marks.
  private static func fields(
    _ text: String, _ option: String
  ) throws(SandboxError) -> [String] {
    var fields = [""]
    var isQuoted = false
    for character in text {
      switch character {
      case "\"": isQuoted.toggle()
      case "," where !isQuoted: fields.append("")
      default: fields[fields.count - 1].append(character)
      }
    }
    if isQuoted { throw SandboxError("\(option): a quotation mark has no end") }
    return fields
  }

  private mutating func takeMountKey(
    _ key: String, _ value: String?, _ option: String
  ) throws(SandboxError) {
    switch (key, value) {
    case ("type", _), ("source", _), ("src", _), ("destination", _), ("dst", _), ("target", _):
      return
    case ("readonly", _), ("ro", _):
      let isReadOnly = try Self.truth(key, value, option)
      options.removeAll { $0 == "rro" || $0 == "ro" }
      if isReadOnly { options.append(isBind ? "rro" : "ro") }
    case ("bind-propagation", let value?) where isBind && MountPropagation(value) != nil:
      options.append(value)
    case ("bind-nonrecursive", _) where isBind:
      if try Self.truth(key, value, option) {
        options = options.map { $0 == "rbind" ? "bind" : $0 }
      }
    case ("bind-recursive", "enabled"?) where isBind, ("bind-recursive", "readonly"?) where isBind:
      return
    case ("bind-recursive", "disabled"?) where isBind:
      options = options.map { $0 == "rbind" ? "bind" : $0 }
    case ("bind-recursive", "writable"?) where isBind:
      options = options.map { $0 == "rro" ? "ro" : $0 }
    case ("tmpfs-size", let value?) where !isBind: options.append("size=\(value)")
    case ("tmpfs-mode", let value?) where !isBind:
      guard let mode = UInt32(value, radix: 8), mode <= 0o7777 else {
        throw SandboxError("\(option): tmpfs-mode is octal, such as 1777")
      }
      options.append("mode=\(String(mode, radix: 8))")
    default:
      throw SandboxError(
        "\(option): \(value.map { "\(key)=\($0)" } ?? key) is unknown for type=\(type ?? ""); the keys are type, source, destination, readonly, \(isBind ? "bind-propagation, bind-recursive, bind-nonrecursive" : "tmpfs-size, tmpfs-mode")"
      )
    }
  }

  private static func truth(
    _ key: String, _ value: String?, _ option: String
  ) throws(SandboxError) -> Bool {
    switch value {
    case nil, "true", "1": return true
    case "false", "0": return false
    default: throw SandboxError("\(option): \(key) is true or false")
    }
  }

  private func checkDestination(_ option: String) throws(SandboxError) {
    guard destination.hasPrefix("/") else {
      throw SandboxError("\(option): \(destination.debugDescription) is not an absolute path")
    }
    guard destination.contains(where: { $0 != "/" && $0 != "." }) else {
      throw SandboxError("\(option): the root directory cannot be covered")
    }
    if (destination + (source ?? "")).utf8.contains(0) {
      throw SandboxError("\(option): it holds a NUL byte")
    }
  }

  private func checkSource(_ option: String) throws(SandboxError) {
    guard let source, FileIdentity(path: source) != nil else {
      throw SandboxError(
        "\(option): \(source ?? "") does not exist on the host; make it first")
    }
  }
}
