import Network

extension InstanceRecord {
  /// Writes the instance's resolv.conf anew, as its leases tell of name servers. To be called once the
  /// state has them. A lease without a name server leaves the resolver as it is without DHCP.
  func publishResolver() {
    let leases = state.networks.compactMap(\.lease)
    let servers = leases.flatMap(\.nameServers)
    let learned =
      servers.isEmpty
      ? nil
      : ResolverConfiguration.Learned(servers: servers, search: leases.flatMap(\.searchDomains))
    // An instance without a right resolver still has its address.
    try? ResolverFile(store).rewrite(state, learned: learned)
  }
}
