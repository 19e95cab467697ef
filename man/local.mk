# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += \
	man/valise-bundle.5 man/valise-completion.1 man/valise-diff.1 man/valise-env.1 man/valise-errors.7 man/valise-export.1 \
	man/valise-fetch.1 man/valise-fsck.1 man/valise-gc.1 man/valise-rollback.1 man/valise-help.1 man/valise-init.1 man/valise-inspect.1 man/valise-keygen.1 \
	man/valise-list.1 man/valise-log.1 man/valise-pack.1 man/valise-publish.1 man/valise-serve.1 man/valise-status.1 man/valise-trust.1 man/valise-unpack.1 \
	man/valise-verify.1 man/valise-version.1 man/valise-workflow.7 man/valise.1 man/valise.conf.5 \
	man/valise.yaml.5
