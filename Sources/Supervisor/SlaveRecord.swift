import Glibc
import Linux
import Netlink
import Network

/// What instances have on parents, as the names of files in one directory. A start lists them, which takes
/// a hundredth of reading the states:
///
///     ROOT/slaves/ID,NUMBER,DEVICE:INODE,INDEX,KIND,MODE,FLAGS,ADDRESS,...
///
/// one or more for each interface: the network namespace of the parent, its index there (0 while it has
/// gone), the mode and flags of an ipvlan slave, the addresses in hexadecimal. An instance that has none
/// has `ID,0,-`, one whose end is written down, so that nothing of it has to be put right, `ID,0,.`.
/// Where an instance has no file of number 0, or one is not understood, the states count.
enum SlaveRecord {
  static let ofNone = "-"
  static let ofEnded = "."
  /// What nobody understands.
  static let unknown = "?"

  /// The first of an instance's names.
  static func first(_ id: String, _ content: String) -> String { "\(id),0,\(content)" }

  /// The names for a state.
  static func names(of state: InstanceState) -> [String] {
    if !state.isLeft { return [first(state.id, ofEnded)] }
    if state.status.isAtRest || state.networks.isEmpty { return [first(state.id, ofNone)] }
    let host = state.hostNamespace
    var names: [String] = []
    for record in state.networks {
      guard let spec = try? NetworkSpec(parsing: record.network) else {
        return [first(state.id, unknown)]
      }
      let index = record.lostParent == .gone ? 0 : record.parentIndex
      let slave = Slave(
        owner: state.name, spec: spec, parent: index, addresses: [], namespace: nil)
      let numbers = [slave.ipvlanMode, slave.ipvlanFlags].map { $0.map { "\($0)" } ?? "" }
      let fields = ["\(host.device):\(host.inode)", "\(slave.parent)", slave.kind] + numbers
      func begin() -> String { "\(state.id),\(names.count),\(fields.joined(separator: ","))" }
      var name = begin()
      for text in record.addresses {
        guard let address = IPAddressText.address(text) else { continue }
        let digits = hexadecimal(address.bytes)
        if name.utf8.count + 1 + digits.utf8.count > Int(NAME_MAX) {
          names.append(name)
          name = begin()
        }
        name += ",\(digits)"
      }
      names.append(name)
    }
    return names
  }
}

extension InstanceStore {
  private func slavePath(_ name: String) -> String { "\(slavesDirectory)/\(name)" }

  /// Puts the names that an instance has now in the place of those that it had. What is in both is there
  /// all the time.
  func publish(_ names: [String], replacing former: [String]) throws(SystemError) {
    func removeOthers() {
      for name in former.dropFirst(names.count) {
        unlink(slavePath(name))
        FaultPoint.mark("the end of the name \(name)")
      }
    }
    for name in names.dropFirst(former.count) { try makeSlaveFile(name) }
    // Who is said to have nothing has no other name.
    let haveNone = names.first?.hasSuffix(",\(SlaveRecord.ofNone)") == true
    if haveNone { removeOthers() }
    for (name, former) in zip(names, former) where name != former {
      if Glibc.rename(slavePath(former), slavePath(name)) != 0 { try makeSlaveFile(name) }
      FaultPoint.mark("the name \(name)")
    }
    if !haveNone { removeOthers() }
  }

  private func makeSlaveFile(_ name: String) throws(SystemError) {
    if mknod(slavePath(name), S_IFREG | 0o600, 0) != 0, errno != EEXIST {
      throw SystemError("mknod", slavePath(name))
    }
    FaultPoint.mark("the name \(name)")
  }

  /// The names that an instance has, by number.
  func publishedNames(of id: String) -> [String] {
    func number(_ name: String) -> Int {
      Int(name.dropFirst(id.utf8.count + 1).prefix { $0 != "," }) ?? .max
    }
    return directoryEntries(slavesDirectory).filter { $0.hasPrefix("\(id),") }
      .sorted { number($0) < number($1) }
  }

  /// Whether an instance's end is known to be written down, by a system call. Where it is not known, the
  /// state tells.
  func isEnded(_ id: String) -> Bool {
    access(slavePath(SlaveRecord.first(id, SlaveRecord.ofEnded)), F_OK) == 0
  }

  /// Removes the names of an instance that is removed.
  func forgetSlaves(of id: String) {
    // Who has none has no other.
    for content in [SlaveRecord.ofNone, SlaveRecord.ofEnded]
    where unlink(slavePath(SlaveRecord.first(id, content))) == 0 { return }
    for name in publishedNames(of: id) { unlink(slavePath(name)) }
  }

  /// What all instances have on parents of a network namespace.
  ///
  /// - Parameter id: whose is left out.
  /// - Returns: `nil` where only the states tell.
  func recordedSlaves(on host: FileIdentity, except id: String? = nil) -> RecordedSlaves? {
    var recorded = RecordedSlaves(on: host, except: id)
    var isUnderstood = true
    // What cannot be listed has no names.
    try? walkDirectory(slavesDirectory) { name, _ in
      if !recorded.add(UnsafeBufferPointer(start: name, count: strlen(name))) {
        isUnderstood = false
      }
    }
    guard isUnderstood, recorded.instances == count || recorded.instances == ids().count else {
      return nil
    }
    return recorded
  }
}

/// The slaves that names tell of, put together: those of one kind on one parent are one here, with all
/// their addresses, and nobody's by name.
struct RecordedSlaves {
  private struct Group {
    /// `INDEX,KIND,MODE,FLAGS`
    let header: [CChar]
    var addresses: [IPAddress] = []
    /// The first instances that have one.
    var owners: [String] = []
  }

  /// Those that have told anything.
  private(set) var instances = 0
  private let host: [CChar]
  private let own: [CChar]
  private var groups: [Group] = []
  /// So many may have been killed before it is not known any more whether one lives.
  private static let mostOwners = 8
  private static let comma = CChar(0x2c)

  /// - Parameters:
  ///   - host: the network namespace whose parents count.
  ///   - id: whose slaves do not.
  init(on host: FileIdentity, except id: String? = nil) {
    self.host = "\(host.device):\(host.inode),".utf8.map { CChar(bitPattern: $0) }
    own = (id ?? "").utf8.map { CChar(bitPattern: $0) }
  }

  /// Takes what a name tells.
  ///
  /// - Returns: false for what is no such name.
  mutating func add(_ name: UnsafeBufferPointer<CChar>) -> Bool {
    let length = InstanceStore.idLength
    guard name.count > length + 3, name[length] == Self.comma,
      let end = name[(length + 1)...].firstIndex(of: Self.comma)
    else { return false }
    if end == length + 2, name[length + 1] == 0x30 { instances += 1 }
    let id = name[..<length]
    if id.elementsEqual(own) { return true }
    let content = name[(end + 1)...]
    if content.count == 1 {
      return [SlaveRecord.ofNone, SlaveRecord.ofEnded].contains {
        $0.utf8.first == UInt8(bitPattern: content[content.startIndex])
      }
    }
    guard let comma = content.firstIndex(of: Self.comma) else { return false }
    // Those of another namespace are in nobody's way here.
    guard content[...comma].elementsEqual(host) else { return true }
    return add(interface: content[(comma + 1)...], of: id)
  }

  private mutating func add(
    interface: Slice<UnsafeBufferPointer<CChar>>, of id: Slice<UnsafeBufferPointer<CChar>>
  ) -> Bool {
    var commas = 0
    let end = interface.firstIndex {
      if $0 == Self.comma { commas += 1 }
      return commas == 4
    }
    guard commas >= 3 else { return false }
    let header = interface[..<(end ?? interface.endIndex)]
    let known = groups.firstIndex { $0.header.elementsEqual(header) }
    let group = known ?? groups.count
    if known == nil { groups.append(Group(header: Array(header))) }
    if groups[group].owners.count < Self.mostOwners {
      groups[group].owners.append(String(decoding: id.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    guard let end else { return true }
    var rest = interface[(end + 1)...]
    while true {
      let comma = rest.firstIndex(of: Self.comma) ?? rest.endIndex
      guard let address = Self.address(rest[..<comma]) else { return false }
      groups[group].addresses.append(address)
      if comma == rest.endIndex { return true }
      rest = rest[(comma + 1)...]
    }
  }

  private func fields(_ group: Group) -> [String] {
    String(decoding: group.header.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }

  /// The indices of the parents; 0: somebody waits for one that has gone.
  var parents: Set<Int32> { Set(groups.compactMap { fields($0).first.flatMap { Int32($0) } }) }

  /// The slaves of instances that live, and of some that were killed; of each kind on each parent at
  /// least one lives.
  ///
  /// - Returns: `nil` where that cannot be told without a look at all.
  func slaves(isAlive: (String) -> Bool) -> [Slave]? {
    var found: [Slave] = []
    for group in groups {
      let fields = fields(group)
      guard let parent = Int32(fields[0]), let owner = group.owners.first(where: isAlive)
      else { return nil }
      found.append(
        Slave(
          owner: owner, kind: fields[1], parent: parent, ipvlanMode: UInt16(fields[2]),
          ipvlanFlags: UInt16(fields[3]), addresses: group.addresses))
    }
    return found
  }

  private static func address(_ digits: Slice<UnsafeBufferPointer<CChar>>) -> IPAddress? {
    guard digits.count == 8 || digits.count == 32 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    var place = digits.startIndex
    while place < digits.endIndex {
      guard let high = value(of: digits[place]), let low = value(of: digits[place + 1]) else {
        return nil
      }
      bytes.append(high << 4 | low)
      place += 2
    }
    return IPAddress(bytes: bytes)
  }

  private static func value(of digit: CChar) -> UInt8? {
    let digit = UInt8(bitPattern: digit)
    return switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
