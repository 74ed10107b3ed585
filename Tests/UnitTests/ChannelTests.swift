import Linux
import Testing

@Suite("a channel")
struct ChannelTests {
  @Test("what a peer has sent is received though it has ended without reading all")
  func reset() throws {
    let ends = try DescriptorPair.sockets()
    let near = Channel(ends.first)
    let far = Channel(ends.second)
    try near.send(1)
    try far.send(7)
    _ = consume far
    let first = try near.receive()
    let second = try near.receive()
    #expect(first == 7 && second == nil)
  }
}
