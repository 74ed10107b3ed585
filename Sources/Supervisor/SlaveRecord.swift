import Glibc
import Linux
import Netlink
import Network

/// What an instance has on parents, in a line, of which a start reads those of all others: the target of
/// the symbolic link `instances/ID/slaves`. To read it takes a fiftieth of what the state takes.
///
///     DEVICE:INODE|INDEX,KIND,MODE,FLAGS,ADDRESS,...|...|FINGERPRINT
///
/// for the network namespace of the parents, the interfaces, and all that stands before; `-` for an
/// instance that has none, `.` for one whose end is written down, so that nothing of it has to be put
/// right. A line that is missing or wrong says nothing, and the state counts: an older swrun writes none.
enum SlaveRecord {
  static let name = "slaves"
  /// Bytes; the target of a symbolic link is shorter than `PATH_MAX`.
  static let longest = 4000

  static let ofNone = "-"
  static let ofEnded = "."

  /// - Returns: `nil` for what is not understood, or longer than a line can be.
  static func line(_ state: InstanceState) -> String? {
    if !state.isLeft { return ofEnded }
    if state.status.isAtRest || state.networks.isEmpty { return ofNone }
    let host = state.hostNamespace
    var line = "\(host.device):\(host.inode)|"
    for record in state.networks {
      guard let spec = try? NetworkSpec(parsing: record.network) else { return nil }
      let slave = Slave(
        owner: state.name, spec: spec, parent: record.parentIndex, addresses: [], namespace: nil)
      let numbers = [slave.ipvlanMode, slave.ipvlanFlags].map { $0.map { "\($0)" } ?? "" }
      let addresses = record.addresses.compactMap(IPAddressText.address)
      let fields =
        ["\(slave.parent)", slave.kind] + numbers + addresses.map { hexadecimal($0.bytes) }
      line += fields.joined(separator: ",") + "|"
    }
    line += String(fingerprint(line.utf8), radix: 16)
    return line.utf8.count > longest ? nil : line
  }

  /// Where it cannot be written there is none, and the state counts.
  static func publish(_ line: String?, in directory: String) {
    let path = "\(directory)/\(name)"
    guard let line else {
      unlink(path)
      return
    }
    if symlink(line, path) != 0 {
      if (try? readLink(path)) == line { return }
      let draft = "\(path).\(getpid())~"
      unlink(draft)
      if symlink(line, draft) != 0 || rename(draft, path) != 0 {
        unlink(draft)
        unlink(path)
      }
    }
    FaultPoint.mark(path)
  }
}

/// The slaves that lines tell of, put together: those of one kind on one parent are one here, with all
/// their addresses, and nobody's by name.
struct RecordedSlaves {
  private struct Group {
    /// `INDEX,KIND,MODE,FLAGS`
    let header: [UInt8]
    var addresses: [IPAddress] = []
    /// The first instances that have one.
    var owners: [String] = []
  }

  private let host: [UInt8]
  private var groups: [Group] = []
  /// So many may have been killed before it is not known any more whether one lives.
  private static let mostOwners = 8

  /// - Parameter host: the network namespace whose parents count.
  init(on host: FileIdentity) { self.host = Array("\(host.device):\(host.inode)|".utf8) }

  /// Takes what a line tells.
  ///
  /// - Parameter owner: whose it is.
  /// - Returns: false for what is no such line.
  mutating func add(_ line: UnsafeBufferPointer<UInt8>, of owner: () -> String) -> Bool {
    for word in [SlaveRecord.ofNone, SlaveRecord.ofEnded] where line.elementsEqual(word.utf8) {
      return true
    }
    guard let last = line.lastIndex(of: UInt8(ascii: "|")) else { return false }
    let body = UnsafeBufferPointer(rebasing: line[...last])
    guard Self.hexadecimal(line[(last + 1)...]) == fingerprint(body) else { return false }
    // Those of another namespace are in nobody's way here.
    guard body.starts(with: host) else { return true }
    var place = host.count
    while place < body.count {
      guard let end = body[place...].firstIndex(of: UInt8(ascii: "|")),
        add(interface: body[place..<end], owner)
      else { return false }
      place = end + 1
    }
    return true
  }

  private mutating func add(
    interface: Slice<UnsafeBufferPointer<UInt8>>, _ owner: () -> String
  ) -> Bool {
    var rest = interface
    var commas = 0
    let end = rest.firstIndex {
      if $0 == UInt8(ascii: ",") { commas += 1 }
      return commas == 4
    }
    let header = interface[..<(end ?? interface.endIndex)]
    let known = groups.firstIndex { $0.header.elementsEqual(header) }
    let group = known ?? groups.count
    if known == nil { groups.append(Group(header: Array(header))) }
    if groups[group].owners.count < Self.mostOwners { groups[group].owners.append(owner()) }
    guard let end else { return true }
    rest = interface[(end + 1)...]
    while true {
      let comma = rest.firstIndex(of: UInt8(ascii: ",")) ?? rest.endIndex
      guard let address = Self.address(rest[..<comma]) else { return false }
      groups[group].addresses.append(address)
      if comma == rest.endIndex { return true }
      rest = rest[(comma + 1)...]
    }
  }

  /// The slaves of instances that live, and of some that were killed; of each kind on each parent at
  /// least one lives.
  ///
  /// - Returns: `nil` where that cannot be told without a look at all.
  func slaves(isAlive: (String) -> Bool) -> [Slave]? {
    var found: [Slave] = []
    for group in groups {
      let fields = String(decoding: group.header, as: UTF8.self)
        .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 4, let parent = Int32(fields[0]),
        let owner = group.owners.first(where: isAlive)
      else { return nil }
      found.append(
        Slave(
          owner: owner, kind: fields[1], parent: parent, ipvlanMode: UInt16(fields[2]),
          ipvlanFlags: UInt16(fields[3]), addresses: group.addresses))
    }
    return found
  }

  private static func hexadecimal(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
    guard !digits.isEmpty, digits.count <= 16 else { return nil }
    var number: UInt64 = 0
    for digit in digits {
      guard let value = value(of: digit) else { return nil }
      number = number << 4 | UInt64(value)
    }
    return number
  }

  private static func address(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> IPAddress? {
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

  private static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
