import ArgumentParser
import OCI
import Sandbox
import Supervisor

/// The options of `run` about the file system.
struct MountArguments: PlainArguments {
  @Option(
    name: .customLong("rootfs"),
    help: ArgumentHelp("Use a directory as the root, writable.", valueName: "dir"))
  var rootfs: String?

  @Option(
    name: .customLong("bundle"),
    help: ArgumentHelp(
      "Run an OCI bundle; a command and options change what it says.", valueName: "dir"))
  var bundle: String?

  @Flag(
    name: .customLong("ephemeral"),
    help: "Let everything be written, to a layer in memory that ends with the instance.")
  var ephemeral = false

  @Flag(
    name: .customLong("read-only"),
    help: "Make the root read-only, with fresh /tmp, /run and /var/tmp.")
  var readOnly = false

  @Option(
    name: [.customShort("v"), .customLong("volume")],
    help: ArgumentHelp(
      "Let the command see, and write unless ro, a path of the host.",
      valueName: "source:destination[:options]"))
  var volumes: [String] = []

  @Option(
    name: .customLong("mount"),
    help: ArgumentHelp(
      "The same, or a tmpfs, as type=bind|tmpfs,source=,destination=,readonly.",
      valueName: "key=value,..."))
  var mounts: [String] = []

  @Option(
    name: .customLong("tmpfs"),
    help: ArgumentHelp("A fresh directory in memory.", valueName: "destination[:options]"))
  var temporary: [String] = []

  init() {}

  init(_ words: inout PlainWords) {
    rootfs = words.value("--rootfs")
    bundle = words.value("--bundle")
    ephemeral = words.flag("--ephemeral")
    readOnly = words.flag("--read-only")
    volumes = words.values("-v", "--volume")
    mounts = words.values("--mount")
    temporary = words.values("--tmpfs")
  }

  func apply(to request: inout RunRequest) throws {
    if rootfs != nil, bundle != nil {
      throw ValidationError("--rootfs and --bundle exclude each other: a bundle has its own root")
    }
    if ephemeral, readOnly {
      throw ValidationError("--ephemeral and --read-only exclude each other; leave one out")
    }
    request.rootfs = rootfs
    request.isEphemeral = ephemeral
    request.readOnly = readOnly
    try request.setMounts(
      try volumes.map { try Spec.Mount(volume: $0) }
        + mounts.map { try Spec.Mount(mountOption: $0) }
        + temporary.map { try Spec.Mount(tmpfs: $0) })
  }
}
