# muxctl.  Plain GNU make; files are found by their names, so adding one needs
# no line here.  V=1 shows the commands, SAN=1 builds with sanitizers.

PREFIX	?= /usr/local
LIBDIR	?= $(PREFIX)/lib
MANDIR	?= $(PREFIX)/share/man
CFLAGS	?= -O2 -g
DESTDIR	?=
B	?= $(if $(SAN),build-san,build)
FUZZ_TIME ?= 60

BUILD_PKGS = gcc libc6-dev pkg-config libbsd-dev libc-ares-dev libjansson-dev
DEMO_PKGS  = nginx-light curl
TEST_PKGS  = bats perl jq mandoc bsdextrautils python3 g++ clang libclang-rt-dev \
	socat haproxy openssh-server openssh-client netcat-openbsd \
	redis-server redis-tools postgresql iperf3 tshark tcpdump xxd parallel \
	nghttp2-client nghttp2-server

VERSION	:= $(shell sed -n 's/^.define MUX_VERSION[^"]*"\(.*\)"/\1/p' lib/mux.h)
# A comma that the functions of make do not see.
,	:= ,
SONAME	= libmux.so.0
Q	= $(if $(V),,@)
say	= $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))
MAKEFLAGS += --no-print-directory

# Asked when first needed: `make deps all` may have to install pkg-config.
PC_CFLAGS = $(eval PC_CFLAGS := $$(shell pkg-config --cflags libbsd libcares))$(PC_CFLAGS)
PC_LIBS	= $(eval PC_LIBS := $$(shell pkg-config --libs libbsd libcares))$(PC_LIBS)
# The program also reads JSON.  Half of what it takes to start it would be
# the loading of small libraries; only the one that reads what comes from the
# net is shared.  Packagers: TOOL_LIBS='$(PC_LIBS) -ljansson'
TOOL_LIBS ?= -Wl,-Bstatic -lbsd -lmd -ljansson -Wl,-Bdynamic -lcares
WARN	= -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Werror=implicit-function-declaration \
	$(if $(WERROR),-Werror)
SANFLAGS = $(if $(SAN),-fsanitize=address$(,)undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer)
COMPILE	= $(CC) -std=gnu11 -D_GNU_SOURCE $(CPPFLAGS) -Ilib $(PC_CFLAGS) \
	$(WARN) $(CFLAGS) $(SANFLAGS) -fvisibility=hidden -MMD -MP
LINK	= $(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS)
# With sanitizers their own symbols stay open until a program is linked.
SOFLAGS	= -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/mux.map \
	$(if $(SAN),,-Wl$(,)-z$(,)defs)

LIB	:= $(patsubst lib/%.c,%.o,$(wildcard lib/*.c))
CMD	:= $(patsubst %.c,$(B)/%.o,$(wildcard cmd/*.c))
LIBA	= $(B)/libmux.a
# The modules of the program, for the tests that are named after them.
CMDA	= $(B)/cmd.a
TOOL	= $(B)/muxctl
tests	= $(patsubst %.c,$(B)/%,$(wildcard tests/$(1)))
UNIT	:= $(call tests,unit/test_*.c)
SIM	:= $(call tests,sim/sim_*.c)
FUZZ	:= $(call tests,fuzz/fuzz_*.c)
CMDUNIT	:= $(foreach t,$(UNIT) $(FUZZ),$(if $(wildcard $(patsubst fuzz_%,cmd/%.c,$(patsubst test_%,cmd/%.c,$(notdir $(t))))),$(t)))
# Programs that shell tests run, and objects that they preload.
PRELOAD	:= $(addsuffix .so,$(call tests,cli/preload_*.c))
HELPERS	:= $(filter-out $(PRELOAD:.so=),$(call tests,cli/*.c))
LOAD	= $(B)/tests/bench/load
SIMLIB	:= $(addsuffix .o,$(filter-out $(SIM),$(call tests,sim/*.c)))
FUZZLIB	:= $(B)/tests/fuzz/driver.o
SHELL_TESTS := $(wildcard tests/meta/*.sh tests/cli/*.bats)
TESTENV	= B='$(abspath $(B))' CC='$(CC)' MUXCTL='$(abspath $(TOOL))' \
	VERSION='$(VERSION)' SAN='$(SAN)'
# T=word runs only the tests with this word in their names.
chosen	= $(if $(T),$(foreach t,$(1),$(if $(findstring $(T),$(t)),$(t))),$(1))
prove	= $(TESTENV) prove --exec tests/run.sh $(PROVEFLAGS) $(call chosen,$(1))

all: $(LIBA) $(B)/installed/libmux.a $(B)/$(SONAME) $(B)/mux.pc $(TOOL)
tests: $(UNIT) $(SIM) $(FUZZ) $(HELPERS) $(PRELOAD) $(LOAD)

check: all tests
	$(Q)$(call prove,$(UNIT) $(SIM) $(FUZZ) $(SHELL_TESTS))

# What needs neither sockets nor other programs.
check-core: $(UNIT) $(SIM) $(FUZZ)
	$(Q)$(call prove,$^)

# Warnings of two compilers, sanitizers, then everything, on all cores.
ci: J := $(shell nproc)
ci:
	$(Q)$(MAKE) -j$(J) B=build-clang CC=clang WERROR=1 all tests
	$(Q)$(MAKE) -j$(J) B=build-san SAN=1 WERROR=1 all tests
	$(Q)$(MAKE) B=build-san SAN=1 PROVEFLAGS=-j$(J) check-core
	$(Q)$(MAKE) -j$(J) B=build WERROR=1 all tests
	$(Q)$(MAKE) B=build WERROR=1 PROVEFLAGS=-j$(J) check

bench: all $(LOAD)
	$(Q)$(TESTENV) bash tests/bench/run.sh
demo: all
	$(Q)$(TESTENV) bash tests/demo.sh

$(B)/static/%.o: lib/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(COMPILE) -c -o $@ $<
$(B)/pic/%.o: lib/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(COMPILE) -fPIC -c -o $@ $<
$(B)/tests/%.o: COMPILE += -Itests/unit
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(COMPILE) -c -o $@ $<
$(LIBA): $(addprefix $(B)/static/,$(LIB))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
# What others link: the hidden names are local, so they cannot collide.
$(B)/installed/libmux.a: $(addprefix $(B)/static/,$(LIB))
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)$(LD) -r -o $(@D)/mux.o $^ && objcopy --localize-hidden $(@D)/mux.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(@D)/mux.o
$(B)/$(SONAME): $(addprefix $(B)/pic/,$(LIB)) lib/mux.map
	$(call say,LD,$@)
	$(Q)$(LINK) $(SOFLAGS) -o $@ $(filter %.o,$^) $(PC_LIBS)
	$(Q)ln -sf $(SONAME) $(B)/libmux.so
$(CMDA): $(filter-out %/main.o,$(CMD))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(CMDUNIT): $(CMDA)
$(SIM): $(SIMLIB)
$(FUZZ): $(FUZZLIB)
# Its allocations fail, one after the other.
$(B)/tests/sim/sim_nomem: LDFLAGS += $(foreach f,malloc calloc realloc \
	aligned_alloc strdup strndup,-Wl$(,)--wrap=$(f))
$(TOOL): $(CMD)
$(LOAD): $(addsuffix .o,$(call tests,bench/*.c))
$(UNIT) $(SIM) $(FUZZ) $(HELPERS): %: %.o
$(TOOL) $(LOAD) $(UNIT) $(SIM) $(FUZZ) $(HELPERS): $(LIBA)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(filter %/cmd.a,$^) $(LIBA) \
	    $(if $(filter $(TOOL) $(CMDUNIT) $(FUZZ),$@),$(TOOL_LIBS),$(PC_LIBS))
$(PRELOAD): $(B)/%.so: %.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(COMPILE) -fPIC -shared -o $@ $<
$(B)/mux.pc: lib/mux.pc.in FORCE
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|' \
	    -e 's|@VERSION@|$(VERSION)|' $< > $@

# mode:from:to of everything that is installed, but for two links.
SHARE	= $(PREFIX)/share
FILES	= 755:$(TOOL):$(PREFIX)/bin/muxctl \
	644:$(B)/installed/libmux.a:$(LIBDIR)/libmux.a \
	755:$(B)/$(SONAME):$(LIBDIR)/libmux.so.$(VERSION) \
	644:$(B)/mux.pc:$(LIBDIR)/pkgconfig/mux.pc \
	$(foreach f,$(wildcard lib/mux*.h),644:$(f):$(PREFIX)/include/$(notdir $(f))) \
	$(foreach f,$(wildcard man/*.[1-8]),644:$(f):$(MANDIR)/man$(subst .,,$(suffix $(f)))/$(notdir $(f))) \
	$(foreach f,$(wildcard lib/worker/*.bash lib/worker/*.py),644:$(f):$(PREFIX)/lib/muxctl/$(notdir $(f))) \
	$(foreach f,$(wildcard lib/bats/*.bash),644:$(f):$(PREFIX)/lib/bats/muxctl/$(notdir $(f))) \
	$(patsubst %,644:%:$(SHARE)/bash-completion/completions/muxctl,$(wildcard completions/muxctl.bash)) \
	$(patsubst %,644:%:$(SHARE)/zsh/vendor-completions/_muxctl,$(wildcard completions/_muxctl)) \
	$(patsubst %,644:%:$(SHARE)/fish/vendor_completions.d/muxctl.fish,$(wildcard completions/muxctl.fish))
each	= $(Q)set -e; for f in $(FILES); do \
	to="$(DESTDIR)$${f\#\#*:}"; from=$${f\#*:}; from=$${from%:*}; $(1); done

install: all
	$(call each,install -D -m $${f%%:*} "$$from" "$$to")
	$(Q)ln -sf libmux.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	$(Q)ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/libmux.so"
uninstall:
	$(call each,rm -f "$$to")
	$(Q)rm -f "$(DESTDIR)$(LIBDIR)/$(SONAME)" "$(DESTDIR)$(LIBDIR)/libmux.so"
	$(Q)for d in muxctl bats/muxctl; do d="$(DESTDIR)$(PREFIX)/lib/$$d"; \
	[ ! -d "$$d" ] || rmdir --ignore-fail-on-non-empty "$$d"; done

# Debian packages: what is missing is installed, or named.
deps: PKGS = $(TEST_PKGS)
deps deps-demo:
	$(Q)sh tests/deps.sh $(BUILD_PKGS) $(DEMO_PKGS) $(PKGS)

# The targets under libFuzzer; what it finds stays in build-fuzz.
fuzz:
	$(Q)$(MAKE) B=build-fuzz CC=clang FUZZLIB= LDFLAGS=-fsanitize=fuzzer \
	    SANFLAGS=-fsanitize=fuzzer-no-link,address,undefined fuzzers
	$(Q)set -e; for f in $(notdir $(FUZZ)); do mkdir -p build-fuzz/new/$$f; \
	build-fuzz/tests/fuzz/$$f -max_total_time=$(FUZZ_TIME) \
	    -artifact_prefix=build-fuzz/$$f- build-fuzz/new/$$f tests/data/$$f; done
fuzzers: $(FUZZ)

clean:
	rm -rf build build-san build-clang build-fuzz
FORCE:
.PHONY: all tests check check-core ci bench demo install uninstall deps deps-demo fuzz fuzzers clean FORCE
.SECONDARY:
.SUFFIXES:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
