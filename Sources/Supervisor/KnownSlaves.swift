import Glibc
import JSON
import Linux
import Network

/// What the state of an instance says of its slaves. Each start reads that of all others, and takes no
/// more of it than this.
struct KnownSlaves: Decodable {
  let id: String
  let name: String
  let status: InstanceState.Status
  let hostNamespace: InstanceState.NamespaceRecord
  let namespace: InstanceState.NamespaceRecord?
  let networks: [Record]

  /// The same members as those of ``InstanceState/NetworkRecord``.
  struct Record: Decodable {
    let network: String
    let parentIndex: Int32
    let addresses: [String]
  }

  /// Those on parents of the namespace `host`.
  ///
  /// - Parameter specs: by their text, since many have the same.
  func slaves(on host: FileIdentity, _ specs: inout [String: NetworkSpec]) -> [Slave] {
    guard hostNamespace.identity == host, !status.isAtRest else { return [] }
    return networks.compactMap { record in
      guard let spec = specs[record.network] ?? (try? NetworkSpec(parsing: record.network)) else {
        return nil
      }
      specs[record.network] = spec
      return Slave(
        owner: name, spec: spec, parent: record.parentIndex,
        addresses: record.addresses.compactMap(IPAddressText.address),
        namespace: namespace?.identity)
    }
  }
}

extension InstanceStore {
  /// The slaves of instances that live, on parents of this process's network namespace.
  func knownSlaves(except id: String? = nil) throws -> [Slave] {
    guard let host = FileIdentity(path: "/proc/self/ns/net") else { return [] }
    var specs: [String: NetworkSpec] = [:]
    return ids().filter { $0 != id && isAlive($0) }.flatMap { other -> [Slave] in
      // One that has just gone, or that the sweeper has to say something of.
      guard let bytes = try? readFile("\(directory(other))/state.json"),
        let known = try? JSON.value(KnownSlaves.self, from: bytes), known.id == other
      else { return [] }
      return known.slaves(on: host, &specs)
    }
  }

  /// The same by the names of what they have, in a hundredth of the time: see ``RecordedSlaves``.
  ///
  /// - Returns: `nil` where only ``knownSlaves(except:)`` can tell.
  func recordedSlaves(except id: String) -> [Slave]? {
    guard let host = FileIdentity(path: "/proc/self/ns/net") else { return nil }
    return recordedSlaves(on: host, except: id)?.slaves(isAlive: isAlive)
  }
}
