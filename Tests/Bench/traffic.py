"""Bytes and requests per second through an instance's slave, beside the same server in the host's own namespace. The
client is on the LAN, one pair of veth away from both."""

import json
import re
import subprocess

from measure import OWN, contest, rows, run, start, wait_for
from world import HOST

INSTANCE = "10.20.0.3"
PEER = "host's namespace"
NGINX = """daemon off;
master_process off;
error_log stderr;
pid /tmp/swbench-nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path /tmp/swbench-1; proxy_temp_path /tmp/swbench-2; fastcgi_temp_path /tmp/swbench-3;
  uwsgi_temp_path /tmp/swbench-4; scgi_temp_path /tmp/swbench-5;
  server { listen 8080; location / { return 200 "hello\\n"; } }
}
"""


def _client(*words):
    return run(["ip", "netns", "exec", "lan", *words])


def _beside(world, server, port, rounds, ask):
    """Measures `ask` of both addresses, at which the same server runs."""
    start([world.swrun, "-d", "--net", f"{world.kind}:eth0", "--ip", INSTANCE, "--gateway", "none"]
          + ["-v", f"{world.directory}/traffic:/mnt:ro", "-w", "/mnt", "--", *server])
    here = subprocess.Popen(server, cwd=f"{world.directory}/traffic", stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers(address):
        words = ["ip", "netns", "exec", "lan", "bash", "-c", f": </dev/tcp/{address}/{port}"]
        return subprocess.run(words, capture_output=True).returncode == 0

    try:
        for address in (INSTANCE, HOST):
            wait_for(f"{server[0]} at {address}", lambda: answers(address))
        return contest(rounds, {OWN: lambda _: ask(INSTANCE), PEER: lambda _: ask(HOST)})
    finally:
        here.terminate()
        here.wait()
        world.remove_instances()


def measure(world, rounds):
    run(["mkdir", "-p", f"{world.directory}/traffic"])
    with open(f"{world.directory}/traffic/nginx.conf", "w") as file:
        file.write(NGINX)

    def throughput(address):
        report = json.loads(_client("iperf3", "--json", "--time", "1", "--client", address))
        return report["end"]["sum_received"]["bits_per_second"] / 8e6

    def requests(address):
        report = _client("wrk", "-t1", "-c16", "-d1s", f"http://{address}:8080/")
        return float(re.search(r"Requests/sec: +([\d.]+)", report).group(1))

    by = f"{world.kind} slave"
    bytes_through = _beside(world, ["iperf3", "--server"], 5201, rounds, throughput)
    requests_through = _beside(world, ["nginx", "-p", ".", "-c", "nginx.conf"], 8080, rounds, requests)
    return [
        *rows(f"throughput, {by} (iperf3)", "MB/s", bytes_through, at_least=0.95),
        *rows(f"requests, {by} (wrk, nginx)", "/s", requests_through, at_least=0.95),
    ]
