import Glibc
import Linux

extension World {
  /// The test build, whose fault points are compiled in: the one that starts faster (`make build-tests`),
  /// unless the other was built later. In the guest it is copied into memory: a program is read through
  /// 9p again with each execution.
  private static let debugBuild: Result<String, any Error> = Result {
    let script = """
      cd .build; built=swrun-debug
      if [ ! -e $built ] || [ debug/swrun -nt $built ]; then built=debug/swrun; fi
      if [ -z "$SWRUN_GUEST" ]; then echo .build/$built; exit; fi
      mkdir /run/swrun-debug && cp $built /run/swrun-debug/swrun &&
      ldd $built | sed -n 's/.* => \\(.*swift.*\\) (.*/\\1/p' |
        xargs -I{} cp -L {} /run/swrun-debug/ && echo /run/swrun-debug/swrun
      """
    let guest = getenv("SWRUN_GUEST").map { String(cString: $0) } ?? ""
    let found = try command(["sh", "-c", script], environment: ["SWRUN_GUEST": guest])
    guard found.code == 0, let path = found.lines.last else { throw TestFailure("\(found)") }
    return path
  }

  /// The words that run the test build in the world's host.
  public func testBuild(_ words: [String]) throws -> [String] {
    Self.inside(hostName) + [try Self.debugBuild.get()] + words
  }

  /// What the test build needs in its environment.
  public var testBuildEnvironment: [String: String] {
    environment.merging(["LD_LIBRARY_PATH": "/run/swrun-debug"]) { $1 }
  }
}
