import Linux
import Network
import OCI
import Sandbox

/// What is to be run, with what it shares with others.
struct Draft {
  var spec: Spec
  let sharing: NetworkSharing?
  let namespaces: NamespaceSharing
  let names: NamePlan
  let landlock: LandlockRecord
  let users: UserNamespacePlan

  init(_ options: RunOptions, in store: InstanceStore) throws {
    var request = options.request
    var spec = try options.bundle.map { directory throws in try Spec(bundle: directory) }
    let sharing = try NetworkSharing(
      options.networks, bundle: spec?.networkNamespace, in: store)
    // Who shares a network is called as it is called there.
    if let owner = sharing?.owner?.names {
      request.hostname = owner.hostname
      request.domainname = owner.domainname
    } else if sharing?.network == .host, request.hostname == nil {
      request.hostname = try hostName()
    }
    let namespaces = try NamespaceSharing(options, in: store)
    if let hostname = namespaces.hostname {
      request.hostname = hostname
      request.domainname = nil
    }
    request.network = sharing?.network ?? .new
    let users = UserNamespacePlan(
      options.userNamespace, of: request.id, in: store, own: try Rootless.view())
    if let bundle = spec, options.userNamespace == nil {
      request.userNamespace = try users.namespace(ofBundle: bundle)
    } else {
      request.userNamespace = try users.namespace()
      request.user = try request.user ?? users.user()
    }
    if spec != nil {
      // A host name that is not asked for is the bundle's, also where a network is shared.
      request.hostname = options.request.hostname
      request.domainname = options.request.domainname
      try spec?.adapt(to: request)
    }
    var whole = try spec ?? Spec(hosting: request)
    let names = try NamePlan(options, whole, sharing)
    try whole.apply(request.limits, id: request.id)
    whole.mounts += names.files.map { $0.mount(from: store.directory(request.id)) }
    namespaces.apply(to: &whole)
    try whole.apply(request.attributes)
    // What `swrun update` has changed since.
    if let resources = options.resources { whole.linux.resources = resources }
    landlock = LandlockRecord(
      whole, isWanted: options.request.security.landlock,
      isHosting: options.bundle == nil && options.request.rootfs == nil)
    if let fault = whole.userNamespaceFaults().first { throw SupervisorError("\(fault)") }
    self.spec = whole
    self.sharing = sharing
    self.namespaces = namespaces
    self.names = names
    self.users = users
  }
}
