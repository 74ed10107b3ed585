// swift-tools-version: 6.2
import PackageDescription

// Warnings stop CI (and `make lint`), not somebody who builds with a newer compiler.
let strict: [SwiftSetting] =
  Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "swrun",
  products: [.executable(name: "swrun", targets: ["swrun"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    // The C side: headers and module maps, and what Swift cannot import (clone3, macros).
    .target(name: "CLinux"),
    .systemLibrary(name: "CMnl", pkgConfig: "libmnl", providers: [.apt(["libmnl-dev"])]),
    .systemLibrary(
      name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
    .systemLibrary(name: "CCap", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),

    // The house: each module imports only what stands above it here.
    .target(name: "JSON", swiftSettings: strict),
    .target(
      name: "Linux", dependencies: ["JSON", "CLinux", "CSeccomp", "CCap", system],
      swiftSettings: strict),
    .target(
      name: "Netlink", dependencies: ["CMnl", "CLinux", "Linux", system], swiftSettings: strict),
    .target(name: "OCI", dependencies: ["JSON", "Linux", "CLinux"], swiftSettings: strict),
    .target(
      name: "Network", dependencies: ["Netlink", "JSON", "Linux", "CLinux", "CMnl", system],
      swiftSettings: strict),
    .target(
      name: "Sandbox", dependencies: ["Network", "OCI", "JSON", "Linux", "CLinux", system],
      swiftSettings: strict),
    .target(
      name: "Supervisor",
      dependencies: ["Sandbox", "Network", "OCI", "JSON", "Linux", "CLinux", system],
      swiftSettings: strict),
    .executableTarget(
      name: "swrun",
      dependencies: [
        "Supervisor", "Sandbox", "Network", "Netlink", "OCI", "JSON", "Linux", arguments, system,
      ],
      swiftSettings: strict),

    // Unit: no privilege. Root: real namespaces on this kernel. Guest: a kernel that has ipvlan.
    .target(
      name: "TestSupport", dependencies: ["Linux"], path: "Tests/Support", swiftSettings: strict),
    // `make bench`: an attach beside the least C for it.
    .target(name: "CAttach", dependencies: ["CMnl"], path: "Tests/Bench/CAttach"),
    .executableTarget(
      name: "attach-bench", dependencies: ["CAttach", "Network", "Netlink", "Linux"],
      path: "Tests/Bench/Attach", swiftSettings: strict),
    .testTarget(
      name: "UnitTests",
      dependencies: [
        "Linux", "Netlink", "JSON", "OCI", "Network", "Sandbox", "Supervisor", "swrun",
        "TestSupport",
        arguments,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "RootTests", dependencies: ["TestSupport", "Supervisor", "OCI", "JSON"],
      swiftSettings: strict),
    .testTarget(
      name: "GuestTests", dependencies: ["TestSupport", "Supervisor"], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
