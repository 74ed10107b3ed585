public import JSON
public import Linux

extension Spec {
  /// The user namespace of the process.
  public enum UserNamespace: Hashable, Sendable {
    /// The monitor's.
    case shared
    /// Its own, with these ids.
    case new(uids: IDMap, gids: IDMap)
    /// One that is there already, by its file.
    case joined(path: String)
  }

  /// What `linux.namespaces`, `uidMappings` and `gidMappings` say of the user namespace.
  public var userNamespace: UserNamespace {
    get {
      guard let entry = linux.namespaces.first(where: { $0.type == "user" }) else { return .shared }
      if let path = entry.path { return .joined(path: path) }
      return .new(uids: IDMap(linux.uidMappings), gids: IDMap(linux.gidMappings))
    }
    set {
      linux.namespaces.removeAll { $0.type == "user" }
      linux.uidMappings = []
      linux.gidMappings = []
      switch newValue {
      case .shared: break
      case .joined(let path):
        linux.namespaces.insert(Namespace(type: "user", path: path), at: 0)
      case .new(let uids, let gids):
        linux.namespaces.insert(Namespace(type: "user"), at: 0)
        linux.uidMappings = uids.ranges.map(IDMapping.init)
        linux.gidMappings = gids.ranges.map(IDMapping.init)
      }
    }
  }

  /// What is wrong with the user namespace, and with ids that are none inside it.
  func checkUserNamespace(_ found: inout Faults) {
    let mapped = !linux.uidMappings.isEmpty || !linux.gidMappings.isEmpty
    switch userNamespace {
    case .shared, .joined:
      if mapped {
        found.add(
          linux.uidMappings.isEmpty ? "linux.gidMappings" : "linux.uidMappings",
          "needs a new user namespace in linux.namespaces")
      }
    case .new(let uids, let gids):
      let before = found.list.count
      Self.check(linux.uidMappings, "linux.uidMappings", &found)
      Self.check(linux.gidMappings, "linux.gidMappings", &found)
      if found.list.count == before { checkMapped(uids, gids, &found) }
    }
  }

  /// What is wrong with mappings that something else than a bundle gives.
  ///
  /// - Parameter name: what they are called.
  public static func faults(of mappings: [IDMapping], _ name: String) -> [Fault] {
    var found = Faults()
    check(mappings, name, &found)
    return found.list
  }

  /// What is wrong with the ids of what is run.
  public func userNamespaceFaults() -> [Fault] {
    var found = Faults()
    checkUserNamespace(&found)
    return found.list
  }

  /// The rules of the kernel for `/proc/PID/uid_map`, user_namespaces(7).
  static func check(_ mappings: [IDMapping], _ path: String, _ found: inout Faults) {
    if mappings.isEmpty { found.add(path, "maps no id, so that nothing could run") }
    if mappings.count > IDMap.mostRanges {
      found.add(path, "has \(mappings.count) ranges; the kernel takes \(IDMap.mostRanges)")
      return
    }
    for (index, mapping) in mappings.enumerated() {
      let place = "\(path)[\(index)]"
      if mapping.size == 0 { found.add("\(place).size", "is 0") }
      for (name, first) in [("containerID", mapping.containerID), ("hostID", mapping.hostID)]
      // 4294967295 is no id.
      where UInt64(first) + UInt64(mapping.size) > UInt64(UInt32.max) {
        found.add("\(place).\(name)", "goes beyond the highest id, 4294967294")
      }
      for (other, former) in mappings[..<index].enumerated() {
        if overlap(mapping.containerID, former.containerID, mapping.size, former.size) {
          found.add("\(place).containerID", "overlaps with \(path)[\(other)]")
        }
        if overlap(mapping.hostID, former.hostID, mapping.size, former.size) {
          found.add("\(place).hostID", "overlaps with \(path)[\(other)]")
        }
      }
    }
  }

  private static func overlap(
    _ one: UInt32, _ other: UInt32, _ size: UInt32, _ otherSize: UInt32
  ) -> Bool {
    UInt64(one) < UInt64(other) + UInt64(otherSize) && UInt64(other) < UInt64(one) + UInt64(size)
  }

  private func checkMapped(_ uids: IDMap, _ gids: IDMap, _ found: inout Faults) {
    let user = process.user
    if uids.outside(user.uid) == nil {
      found.add("process.user.uid", "\(user.uid) is not in linux.uidMappings")
    }
    if gids.outside(user.gid) == nil {
      found.add("process.user.gid", "\(user.gid) is not in linux.gidMappings")
    }
    for (index, gid) in user.additionalGids.enumerated() where gids.outside(gid) == nil {
      found.add("process.user.additionalGids[\(index)]", "\(gid) is not in linux.gidMappings")
    }
    for (index, mount) in mounts.enumerated() where !mount.isBind {
      for (place, option) in mount.options.enumerated() {
        for (key, map) in [("uid=", uids), ("gid=", gids)] where option.hasPrefix(key) {
          guard let id = UInt32(option.dropFirst(key.count)), map.outside(id) == nil else {
            continue
          }
          found.add(
            "mounts[\(index)].options[\(place)]",
            "\(option) is not in linux.\(key.prefix(3))Mappings")
        }
      }
    }
  }
}

extension IDMap {
  public init(_ mappings: [Spec.IDMapping]) {
    self.init(
      mappings.map { Range(inside: $0.containerID, outside: $0.hostID, size: $0.size) })
  }
}

extension Spec.IDMapping {
  public init(_ range: IDMap.Range) {
    self.init(containerID: range.inside, hostID: range.outside, size: range.size)
  }
}
