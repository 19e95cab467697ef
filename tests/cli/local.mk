# SPDX-License-Identifier: Apache-2.0
# Command-line tests: the receiving build passes cli_tests, the full build all of them; check-long runs long_tests.
cli_tests = tests/cli/care-receive.sh tests/cli/cmd-keygen.sh tests/cli/cmd-trust.sh tests/cli/cmd-usage.sh tests/cli/golden.sh
cli_tests_pack = tests/cli/care-fsck.sh tests/cli/care-rollback.sh tests/cli/cmd-busy.sh tests/cli/cmd-json.sh tests/cli/cmd-pack-dir.sh tests/cli/cmd-refusals.sh \
	tests/cli/cmd-terminal.sh tests/cli/export.sh tests/cli/fetch-dir.sh tests/cli/fetch-http.sh tests/cli/fetch-oci-faults.sh \
	tests/cli/fetch-osv.sh tests/cli/fetch-trivy-db.sh tests/cli/gitlab.sh tests/cli/hostile-bundles.sh \
	tests/cli/image-cosign.sh tests/cli/image-faults.sh tests/cli/image-hostile.sh tests/cli/image-odd.sh tests/cli/image-signed.sh \
	tests/cli/image.sh \
	tests/cli/list-log-diff.sh tests/cli/minisign-interop.sh tests/cli/open-by-hand.sh \
	tests/cli/publish-faults.sh tests/cli/publish.sh tests/cli/serve-clients.sh tests/cli/serve-faults.sh \
	tests/cli/serve-tls.sh tests/cli/serve-units.sh tests/cli/serve.sh
long_tests = tests/long/real-data.sh tests/long/serve-load.sh tests/tamper/flip.sh tests/torture/agree.sh tests/torture/disk-full.sh tests/torture/kill-sweep.sh \
	tests/torture/pack-sweep.sh tests/torture/publish-kill.sh tests/torture/read-once.sh tests/torture/repair-kill.sh tests/torture/store-walk.sh
