# make test, make lint and make vet look at every Go module of the repository.
GO               ?= go
TESTFLAGS        ?=
BENCHFLAGS       ?=
DEMO_OUTPUT      ?= jetcapture-demo
DIST             ?= dist
FROM             ?= 1
SIM_SEEDS        ?= 1000000
LOOP_SEEDS       ?= 20000
CRASH_SEEDS      ?= 50
TORTURE_PARALLEL ?= 4
GOLANGCI_VERSION := v2.15.0
GOVULN_VERSION   := v1.9.0
NFPM_VERSION     := v2.45.0

# jetcapture speaks HTTP to Google's storage. disable_grpc_modules leaves out of the SDK what only gRPC needs; grpcnotrace leaves out the last
# user of html/template, which keeps the linker from dropping unused code. The command is two fifths smaller, on disk and in memory.
TAGS := disable_grpc_modules,grpcnotrace
export GOFLAGS := $(GOFLAGS) -tags=$(TAGS)

MODULES  := $(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path './.bin/*' | sort))
LINT_OLD := $(shell golangci-lint version --short 2>/dev/null)
LINT     := $(if $(filter $(patsubst v%,%,$(GOLANGCI_VERSION)),$(LINT_OLD)),golangci-lint,$(CURDIR)/.bin/golangci-lint)

# in_modules runs a command in each module and stops at the first that fails.
in_modules = @set -e; for m in $(MODULES); do echo "$(1) ($$m)"; (cd $$m && $(1)); done

.PHONY: all build first jetcapture jetcapture-iceberg release packages image test test-race test-sim left-out lint vet tidy vuln \
	prometheus fmt demo bench bench-cat bench-compare bench-stores torture tools

all: vet lint test

build:
	$(call in_modules,$(GO) build ./...)

jetcapture: first
	$(GO) build -o $@ ./cmd/jetcapture

# jetcapture-iceberg is a module of its own, see docs/TABLES.md.
jetcapture-iceberg:
	cd iceberg && $(GO) build -o ../$@ ./cmd/jetcapture-iceberg

# release builds VERSION from HEAD into DIST: binaries, archives, licences, bills of materials, checksums. See docs/INSTALL.md.
# PLATFORMS=linux/amd64 builds for that one only.
release: first
	$(GO) run ./internal/release -version "$(VERSION)" -out $(DIST) -tags $(TAGS) -only "$(PLATFORMS)"

# sums writes the checksums of all files of a release again.
sums = @cd $(DIST) && find . -maxdepth 1 -type f ! -name SHA256SUMS | sort | sed 's|^\./||' | xargs sha256sum > SHA256SUMS

# packages makes deb, rpm and apk of what release has built.
packages:
	@set -e; for arch in amd64 arm64; do for kind in deb rpm apk; do \
		[ -e $(DIST)/linux_$$arch ] || continue; \
		GOFLAGS= CGO_ENABLED=0 VERSION=$(VERSION) ARCH=$$arch DIST=$(DIST) SOURCE_DATE_EPOCH=$$(git show --no-patch --format=%ct) \
			$(GO) run github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION) package -f deploy/nfpm/nfpm.yaml -p $$kind -t $(DIST); \
	done; done
	$(sums)

# image makes a container image for amd64 and arm64 of what release has built, without a daemon.
image:
	@cd internal/image && $(GO) run . -version "$(VERSION)" -dist "$(abspath $(DIST))" \
		-revision "$$(git rev-parse HEAD)" -time "$$(git show --no-patch --format=%ct)"
	$(sums)

# first says what the first build takes, unless the largest of its modules is there already.
first:
	@[ -d "$$($(GO) env GOMODCACHE)/google.golang.org" ] || echo "The first build downloads 200 MB of modules, which take 0.9 GB, and compiles for minutes."

# test is what has to pass before every commit. It goes on after a failure, so that one run shows all of them.
test:
	@status=0; for step in test-race test-sim left-out; do $(MAKE) --no-print-directory $$step || status=1; done; exit $$status

# The modules iceberg and charttest are tested without -race: they have next to no goroutines of their own, and their libraries, a
# translated SQLite and Helm among them, take minutes to be compiled a second time.
test-race:
	@status=0; for m in $(MODULES); do race=-race; case $$m in ./iceberg|./internal/charttest) race=; esac; \
		(cd $$m && $(GO) test $$race -timeout 20m $(TESTFLAGS) ./...) || status=1; done; exit $$status

# test-sim runs the simulations, and a test of a log with a year of cuts, at full length. Without the race detector they go many times further; test-race runs short ones with it, since
# cutlog.EncodePlan checks a plan on a goroutine of its own.
test-sim:
	@if [ -d internal/sim ]; then $(GO) test $(TESTFLAGS) -run "Simulation|Year" ./internal/sim/... ./internal/exactlyonce ./archive; fi

# torture runs the proofs as long as one likes, see CONTRIBUTING.md. Another FROM goes on where an earlier run has ended.
torture:
	$(GO) test $(TESTFLAGS) -v -timeout 0 -run 'TestSimulation$$|TestAdversarySimulation$$|TestLeaseSimulation$$' ./internal/sim -sim.from $(FROM) -sim.seeds $(SIM_SEEDS)
	$(GO) test $(TESTFLAGS) -timeout 0 -run 'TestLoopSimulation$$' ./internal/exactlyonce -loop.from $(FROM) -loop.seeds $(LOOP_SEEDS)
	$(GO) test $(TESTFLAGS) -v -timeout 0 -parallel $(TORTURE_PARALLEL) -run 'TestKills|TestCluster|TestFleet' ./internal/crashtest -crash.from $(FROM) -crash.seeds $(CRASH_SEEDS)

# left-out says which tests were left out for want of a program: go test shows nothing of packages that pass. In CI that is an error.
left-out:
	@left=; say() { left=1; printf '\nLEFT OUT, for want of %s: %s\n' "$$1" "$$2"; }; \
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then say 'Node with npm' \
		'DuckDB and avsc have not read our files, and no test has used Azurite, the emulator of Azure'; \
	elif [ ! -e internal/readertest/node/node_modules/.package-lock.json ]; then say 'packages of npm, which could not be installed' \
		'DuckDB and avsc have not read our files'; \
	elif [ ! -e iceberg/node/node_modules/.package-lock.json ]; then say 'packages of npm, which could not be installed' \
		'icebird has not read our tables'; fi; \
	command -v rclone >/dev/null || say rclone 'no archive was copied by rclone'; \
	[ -z "$$left" ] || [ "$$CI" != true ]

lint: tools
	$(call in_modules,$(LINT) run ./...)

vet:
	$(call in_modules,$(GO) vet ./...)

# tidy says what go.mod and go.sum lack or have too much. It changes nothing.
tidy:
	$(call in_modules,$(GO) mod tidy -diff)

# vuln needs the network.
vuln:
	$(call in_modules,$(GO) run golang.org/x/vuln/cmd/govulncheck@$(GOVULN_VERSION) ./...)

# prometheus checks the alerts with promtool, and with METRICS=HOST:PORT what a running capture serves. Building both takes minutes.
prometheus:
	@deploy/prometheus/try $(METRICS)

fmt: tools
	$(call in_modules,$(LINT) fmt ./...)

demo: first
	$(GO) run ./cmd/jetcapture demo --output $(DEMO_OUTPUT)

# bench compares whole processes on this machine, see bench/README.md. It is a measurement, not a test.
bench:
	$(GO) run ./bench $(BENCHFLAGS)

# bench-cat compares cat with zstdcat, which it needs.
bench-cat:
	$(GO) run ./bench cat $(BENCHFLAGS)

# bench-compare compares the micro-benchmarks with those of commit REF; BENCH selects some.
bench-compare:
	bench/compare $(REF)

# bench-stores measures uploads and captures against test servers of the stores, each with its target. It is a measurement, not a test.
bench-stores:
	cd internal/storetest && $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m $(BENCHFLAGS) .

# tools installs what is missing, into .bin.
tools:
	@[ "$(LINT)" = golangci-lint ] || [ -x "$(LINT)" ] || GOBIN=$(CURDIR)/.bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
