public import JSON

extension InstanceState: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("bootId", bootId)
    json.add("cgroup", cgroup)
    json.add("command", command)
    json.add("created", created.text)
    json.add("detached", detached)
    json.add("error", error)
    json.add("exitCode", exitCode)
    json.add("finished", finished?.text)
    json.add("former", former?.rawValue)
    json.add("health", health)
    json.add("hostNamespace", hostNamespace)
    json.add("id", id)
    json.add("labels", labels)
    json.add("landlock", landlock)
    json.add("log", log)
    json.add("monitor", monitor)
    json.add("name", name)
    json.add("names", names)
    json.add("namespace", namespace)
    json.add("networks", networks)
    json.add("oomKilled", oomKilled)
    json.add("process", process)
    json.add("removed", removed)
    json.add("restart", restart)
    json.add("restartCount", restartCount)
    json.add("shared", shared)
    json.add("sharesProcesses", sharesProcesses)
    json.add("signal", signal)
    json.add("started", started?.text)
    json.add("status", status.rawValue)
    json.add("stopSignal", stopSignal)
    json.add("stopTimeout", stopTimeout)
    json.add("terminal", terminal)
    json.add("userMaps", userMaps)
    json.add("version", version)
    json.add("warnings", warnings)
  }
}

extension InstanceState.NetworkRecord: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("addresses", addresses)
    json.add("aliases", aliases)
    json.add("fault", fault)
    json.add("gateways", gateways)
    json.add("interface", interface)
    json.add("lease", lease)
    json.add("lostParent", lostParent?.rawValue)
    json.add("name", name)
    json.add("network", network)
    json.add("parent", parent)
    json.add("parentIndex", parentIndex)
    json.add("ports", ports)
    json.add("waiting", waiting)
  }
}

extension InstanceState.LeaseRecord: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("address", address.description)
    json.add("clientId", clientId)
    json.add("expires", expires?.text)
    json.add("mtu", mtu)
    json.add("nameServers", nameServers.map(\.description))
    json.add("searchDomains", searchDomains)
    json.add("server", server.description)
  }
}

extension InstanceState.NamespaceRecord: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("device", device)
    json.add("inode", inode)
  }
}

extension InstanceState.UserMaps: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("gids", gids)
    json.add("uids", uids)
  }
}
