# swrun: build, install, demonstrate, test. `make help` lists the targets.
PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
BUILD = .build
export SWRUN = $(CURDIR)/$(BUILD)/swrun

# Debian packages: to build, to test (with the guest), to measure.
BUILD_PACKAGES = libmnl-dev libseccomp-dev libcap-dev pkg-config
TEST_PACKAGES = iproute2 nftables iputils-ping iputils-arping tcpdump strace qemu-system-x86 kmod udev busybox-static python3-pip nginx-light curl dnsmasq-base uidmap apparmor systemd dbus valgrind
BENCH_PACKAGES = bubblewrap crun runc systemd-container docker.io conmon iperf3 wrk

# What a start costs lies here too. All libraries are linked in: Swift's, the C library, Debian's libseccomp and libcap, and
# libmnl, of which Debian has no archive (libmnl.py makes one). What nobody calls is left out. The compiler calls metadata
# accessors, where the runtime would search all conformances by name. The executable has its fixed place (as those of
# Go's tools have), so that nothing in it is relocated, nor made this process's own memory; stack and heap stay at random.
# Link-time optimisation gives each function and variable a section; those that a start uses are put side by side.
empty :=
SWIFTC = -Xswiftc $(empty)
RELEASE = -c release --experimental-lto-mode full --disable-local-rpath \
  --pkg-config-path $(CURDIR)/$(BUILD)/static $(SWIFTC)-static-executable \
  $(SWIFTC)-Xfrontend $(SWIFTC)-disable-concrete-type-metadata-mangled-name-accessors \
  $(SWIFTC)-use-ld=lld -Xlinker -L$(CURDIR)/$(BUILD)/static -Xlinker --gc-sections -Xlinker --no-export-dynamic \
  -Xlinker --symbol-ordering-file=$(CURDIR)/Tests/Harness/hot-symbols -Xlinker --no-warn-symbol-ordering

all: binary ## Build the release binary, .build/swrun (the default)

binary: deps
	@mkdir -p $(BUILD)/static
	@ln -sf $$(gcc -print-file-name=libstdc++.a) $(BUILD)/static/
	@Tests/Harness/libmnl.py $$(pkg-config --variable=libdir libmnl)/libmnl.so $(BUILD)/static/libmnl.a
	@for library in mnl seccomp cap; do pkg-config --print-errors --exists lib$$library && printf \
	  'Name: %s\nVersion: %s\nDescription: linked in\nLibs: -l:lib%s.a\n' $$library \
	  $$(pkg-config --modversion lib$$library) $$library >$(BUILD)/static/lib$$library.pc || exit 1; done
	$(SWIFT) build $(RELEASE) --product swrun
	strip -o $(BUILD)/swrun $$($(SWIFT) build $(RELEASE) --show-bin-path)/swrun

install: binary ## Install under PREFIX (/usr/local) below DESTDIR
	install -D -m 755 $(BUILD)/swrun $(DESTDIR)$(PREFIX)/bin/swrun
	install -D -m 644 man/swrun.1 $(DESTDIR)$(PREFIX)/share/man/man1/swrun.1
	install -D -m 644 man/swrun-bundle.5 $(DESTDIR)$(PREFIX)/share/man/man5/swrun-bundle.5
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(SWRUN) --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/swrun
	$(SWRUN) --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_swrun
	$(SWRUN) --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/swrun.fish
	install -d $(DESTDIR)$(PREFIX)/share/swrun
	cp -R bundles $(DESTDIR)$(PREFIX)/share/swrun/

uninstall: ## Remove what install has put there
	rm -rf $(DESTDIR)$(PREFIX)/bin/swrun $(DESTDIR)$(PREFIX)/share/man/man1/swrun.1 \
	  $(DESTDIR)$(PREFIX)/share/man/man5/swrun-bundle.5 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/swrun \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_swrun \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/swrun.fish $(DESTDIR)$(PREFIX)/share/swrun

deps: ## Install the Debian packages that the build needs
	@Tests/Harness/packages.sh $(BUILD_PACKAGES)

test-deps: deps
	@Tests/Harness/packages.sh $(TEST_PACKAGES)

demo: binary test-deps ## Run the main job and show what it prints
	@Tests/Harness/demo.sh

# The workload that tries to get out, with which the sandbox is tested; static, for any root file system.
$(BUILD)/hostile: Tests/Hostile/hostile.c
	gcc -O1 -Wall -Wextra -static -o $@ $<

# With the tests comes a debug build of swrun, which has fault points. It is linked once more as the release is: where
# Swift's libraries are loaded each time, it takes six times as long to start, in the guest a second and a half.
build-tests: binary test-deps $(BUILD)/hostile ## Build the tests
	$(SWIFT) build --build-tests
	$(SWIFT)c -static-executable -use-ld=lld -o $(BUILD)/swrun-debug -L$(BUILD)/static -Xlinker --gc-sections \
	  -Xlinker --strip-all -Xlinker --no-export-dynamic -Xlinker --defsym=main=swrun_main \
	  @$(BUILD)/debug/swrun.product/Objects.LinkFileList \
	  -l:libmnl.a -l:libseccomp.a -l:libcap.a -l_FoundationCollections -l_FoundationCShims

test: build-tests ## Run the unit, root and guest tests (SKIP="guest" leaves a tier out)
	@SKIP="$(SKIP)" Tests/Harness/test.sh unit root guest

test-unit test-root test-guest: test-%: build-tests
	@Tests/Harness/test.sh $*

ROUNDS ?= 15
bench: binary test-deps ## Measure beside the peers, and renew the README's table (ROUNDS=15)
	@Tests/Harness/packages.sh $(BENCH_PACKAGES)
	$(SWIFT) build $(RELEASE) --product attach-bench
	@install -D $$($(SWIFT) build $(RELEASE) --show-bin-path)/attach-bench $(BUILD)/bench/attach
	@python3 -B Tests/Bench/bench.py --rounds $(ROUNDS)

# With the linker's map, which tells what has a section of its own.
hot-symbols: RELEASE += -Xlinker -Map=$(CURDIR)/$(BUILD)/static/swrun.map
hot-symbols: binary test-deps ## Find out anew what a start uses, as the order for the linker
	@Tests/Harness/packages.sh runc
	@unshare --net --mount Tests/Harness/hot-symbols.py $$($(SWIFT) build $(RELEASE) --show-bin-path)/swrun \
	  $(BUILD)/static/swrun.map
	@rm $$($(SWIFT) build $(RELEASE) --show-bin-path)/swrun # so that it is linked anew

lint: ## Check the format of the sources
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests

clean: ## Remove what was built
	rm -rf $(BUILD)

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 14

.PHONY: all binary install uninstall deps test-deps demo build-tests test test-unit test-root test-guest bench hot-symbols lint clean help
