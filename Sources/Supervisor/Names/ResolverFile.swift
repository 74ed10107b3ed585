import Linux
import Network

/// The resolv.conf(5) of a running instance, `instances/ID/resolv.conf`, which is mounted in it.
struct ResolverFile {
  private let store: InstanceStore

  init(_ store: InstanceStore) { self.store = store }

  /// Writes the file anew, in place; to be called by the instance's monitor when the network tells of
  /// other servers. What the user has said with `--dns` stays.
  ///
  /// - Parameter learned: `nil` where the network tells nothing any more.
  func rewrite(_ state: InstanceState, learned: ResolverConfiguration.Learned?) throws {
    guard let names = state.names, names.hasResolver else { return }
    let configuration = ResolverConfiguration(
      for: names.resolver, learned: learned, sharesHost: false)
    try rewriteInPlace(
      Array(configuration.text.utf8), of: "\(store.directory(state.id))/resolv.conf")
  }
}
