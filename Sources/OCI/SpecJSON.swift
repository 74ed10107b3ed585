public import JSON

// How each part of the specification is written: what is absent or says nothing is left out.

extension Spec: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("annotations", annotations)
    json.add("domainname", domainname)
    json.add("hooks", hooks)
    json.add("hostname", hostname)
    json.add("linux", linux.said)
    json.add("mounts", mounts.said)
    json.add("ociVersion", ociVersion)
    json.add("process", process)
    json.add("root", root)
  }
}

extension Spec.Root: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("path", path)
    json.add("readonly", readonly.said)
  }
}

extension Spec.Mount: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("destination", destination)
    json.add("gidMappings", gidMappings)
    json.add("options", options.said)
    json.add("source", source)
    json.add("type", type)
    json.add("uidMappings", uidMappings)
  }
}

extension Spec.IDMapping: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("containerID", containerID)
    json.add("hostID", hostID)
    json.add("size", size)
  }
}

extension Spec.Hooks: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("createContainer", createContainer.said)
    json.add("createRuntime", createRuntime.said)
    json.add("poststart", poststart.said)
    json.add("poststop", poststop.said)
    json.add("prestart", prestart.said)
    json.add("startContainer", startContainer.said)
  }
}

extension Spec.Hook: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("args", args.said)
    json.add("env", env.said)
    json.add("path", path)
    json.add("timeout", timeout)
  }
}

extension Spec.Process: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("apparmorProfile", apparmorProfile)
    json.add("args", args)
    json.add("capabilities", capabilities.said)
    json.add("consoleSize", consoleSize)
    json.add("cwd", cwd)
    json.add("env", env.said)
    json.add("execCPUAffinity", execCPUAffinity)
    json.add("ioPriority", ioPriority)
    json.add("noNewPrivileges", noNewPrivileges.said)
    json.add("oomScoreAdj", oomScoreAdj)
    json.add("rlimits", rlimits.said)
    json.add("scheduler", scheduler)
    json.add("selinuxLabel", selinuxLabel)
    json.add("terminal", terminal.said)
    json.add("user", user.said)
  }
}

extension Spec.ConsoleSize: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("height", height)
    json.add("width", width)
  }
}

extension Spec.User: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("additionalGids", additionalGids.said)
    json.add("gid", gid.said)
    json.add("uid", uid.said)
    json.add("umask", umask)
  }
}

extension Spec.Capabilities: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("ambient", ambient.said)
    json.add("bounding", bounding.said)
    json.add("effective", effective.said)
    json.add("inheritable", inheritable.said)
    json.add("permitted", permitted.said)
  }
}

extension Spec.ResourceLimit: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("hard", hard)
    json.add("soft", soft)
    json.add("type", type)
  }
}

extension Spec.Scheduler: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("deadline", deadline)
    json.add("flags", flags.said)
    json.add("nice", nice)
    json.add("period", period)
    json.add("policy", policy)
    json.add("priority", priority)
    json.add("runtime", runtime)
  }
}

extension Spec.IOPriority: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("class", `class`)
    json.add("priority", priority)
  }
}

extension Spec.CPUAffinity: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("final", final)
    json.add("initial", initial)
  }
}

extension Spec.LinuxPart: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("cgroupsPath", cgroupsPath)
    json.add("devices", devices.said)
    json.add("gidMappings", gidMappings.said)
    json.add("intelRdt", intelRdt)
    json.add("maskedPaths", maskedPaths.said)
    json.add("memoryPolicy", memoryPolicy)
    json.add("mountLabel", mountLabel)
    json.add("namespaces", namespaces.said)
    json.add("netDevices", netDevices)
    json.add("personality", personality)
    json.add("readonlyPaths", readonlyPaths.said)
    json.add("resources", resources)
    json.add("rootfsPropagation", rootfsPropagation)
    json.add("seccomp", seccomp)
    json.add("sysctl", sysctl.said)
    json.add("timeOffsets", timeOffsets)
    json.add("uidMappings", uidMappings.said)
  }
}

extension Spec.Namespace: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("path", path)
    json.add("type", type)
  }
}

extension Spec.Device: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("fileMode", fileMode)
    json.add("gid", gid)
    json.add("major", major)
    json.add("minor", minor)
    json.add("path", path)
    json.add("type", type)
    json.add("uid", uid)
  }
}

extension Spec.TimeOffsets: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("boottime", boottime)
    json.add("monotonic", monotonic)
  }
}

extension Spec.TimeOffset: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("nanosecs", nanosecs)
    json.add("secs", secs)
  }
}

extension Spec.Personality: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("domain", domain)
    json.add("flags", flags.said)
  }
}

extension Spec.IntelRdt: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("closID", closID)
    json.add("enableCMT", enableCMT)
    json.add("enableMBM", enableMBM)
    json.add("enableMonitoring", enableMonitoring)
    json.add("l3CacheSchema", l3CacheSchema)
    json.add("memBwSchema", memBwSchema)
    json.add("schemata", schemata)
  }
}

extension Spec.MemoryPolicy: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("flags", flags.said)
    json.add("mode", mode)
    json.add("nodes", nodes)
  }
}

extension Spec.NetDevice: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("name", name)
  }
}

extension Spec.Resources: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("blockIO", blockIO)
    json.add("cpu", cpu)
    json.add("devices", devices.said)
    json.add("hugepageLimits", hugepageLimits.said)
    json.add("memory", memory)
    json.add("network", network)
    json.add("pids", pids)
    json.add("rdma", rdma.said)
    json.add("unified", unified.said)
  }
}

extension Spec.DeviceRule: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("access", access)
    json.add("allow", allow)
    json.add("major", major)
    json.add("minor", minor)
    json.add("type", type)
  }
}

extension Spec.Memory: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("checkBeforeUpdate", checkBeforeUpdate)
    json.add("disableOOMKiller", disableOOMKiller)
    json.add("kernel", kernel)
    json.add("kernelTCP", kernelTCP)
    json.add("limit", limit)
    json.add("reservation", reservation)
    json.add("swap", swap)
    json.add("swappiness", swappiness)
    json.add("useHierarchy", useHierarchy)
  }
}

extension Spec.CPU: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("burst", burst)
    json.add("cpus", cpus)
    json.add("idle", idle)
    json.add("mems", mems)
    json.add("period", period)
    json.add("quota", quota)
    json.add("realtimePeriod", realtimePeriod)
    json.add("realtimeRuntime", realtimeRuntime)
    json.add("shares", shares)
  }
}

extension Spec.Pids: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("limit", limit)
  }
}

extension Spec.BlockIO: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("leafWeight", leafWeight)
    json.add("throttleReadBpsDevice", throttleReadBpsDevice.said)
    json.add("throttleReadIOPSDevice", throttleReadIOPSDevice.said)
    json.add("throttleWriteBpsDevice", throttleWriteBpsDevice.said)
    json.add("throttleWriteIOPSDevice", throttleWriteIOPSDevice.said)
    json.add("weight", weight)
    json.add("weightDevice", weightDevice.said)
  }
}

extension Spec.WeightDevice: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("leafWeight", leafWeight)
    json.add("major", major)
    json.add("minor", minor)
    json.add("weight", weight)
  }
}

extension Spec.ThrottleDevice: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("major", major)
    json.add("minor", minor)
    json.add("rate", rate)
  }
}

extension Spec.HugepageLimit: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("limit", limit)
    json.add("pageSize", pageSize)
  }
}

extension Spec.NetworkClass: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("classID", classID)
    json.add("priorities", priorities.said)
  }
}

extension Spec.InterfacePriority: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("name", name)
    json.add("priority", priority)
  }
}

extension Spec.Rdma: JSONWritable {
  public func writeMembers(to json: inout JSONWriter) {
    json.add("hcaHandles", hcaHandles)
    json.add("hcaObjects", hcaObjects)
  }
}
