# SPDX-License-Identifier: MIT
# staged.mk - goals that install what they lack, and what that is

# $(call staged,GOAL,GROUPS,OPTIONAL): a goal that first installs what it lacks of the groups of tools/setup.sh, and of
# those that may fail, then makes GOAL-run in a second make, which finds what was installed.
define staged
.PHONY: $(1) $(1)-run
LIGHT_GOALS += $(1)
$(1):
	$$(Q)$$(SETUP) $(2)$(if $(3), && for group in $(3); do $$(SETUP) $$$$group || true; done)
	$$(Q)$$(MAKE) --no-print-directory $(1)-run
endef

$(eval $(call staged,test,source wasm js native))
$(eval $(call staged,test-everywhere,source wasm js,browsers webkit))
$(eval $(call staged,test-web,source wasm js browsers guest))
$(eval $(call staged,test-package,source wasm js browsers))
$(eval $(call staged,test-vm,source wasm js native vm))
$(eval $(call staged,test-node-suite,source wasm js))
$(eval $(call staged,test-node-libraries,source wasm js servers))
$(eval $(call staged,soak,source wasm js))
$(eval $(call staged,fuzz,source native fuzz))
$(eval $(call staged,test-fuzz,source native fuzz))
$(eval $(call staged,fuzz-coverage,source native fuzz))
$(eval $(call staged,demo,source wasm js))
$(eval $(call staged,bench,source wasm js native))
$(eval $(call staged,bench-wireguard,source wasm js))
$(eval $(call staged,attack,source wasm js))
$(eval $(call staged,bench-browsers,source wasm js browsers))
$(eval $(call staged,bench-vm,source wasm js vm))
$(eval $(call staged,web,source wasm js))
$(eval $(call staged,web-build,source wasm js))
$(eval $(call staged,web-screenshot,source wasm js browsers))
$(eval $(call staged,vm-demo,source wasm js guest))
$(eval $(call staged,vm-demo-build,source wasm js guest))
$(eval $(call staged,vm-demo-screenshot,source wasm js guest browsers))
