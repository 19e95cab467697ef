# SPDX-License-Identifier: Apache-2.0
# Unit tests: one program per subject, its source has its name. unit_tests pass in the receiving build too.
unit_tests = tests/unit/archive_extract_test tests/unit/archive_tarwrite_test tests/unit/archive_ustar_test \
	tests/unit/archive_zstd_test \
	tests/unit/base_err_test tests/unit/base_file_test tests/unit/base_json_test tests/unit/base_pool_test \
	tests/unit/base_text_test tests/unit/bundle_parcel_test tests/unit/bundle_plan_test \
	tests/unit/bundle_waybill_test tests/unit/cli_bar_test tests/unit/cli_opt_test tests/unit/conf_test \
	tests/unit/crypt_hash_test tests/unit/crypt_htpasswd_test tests/unit/crypt_keyfile_test \
	tests/unit/crypt_minisign_interop_test tests/unit/crypt_minisign_test tests/unit/crypt_pem_test \
	tests/unit/crypt_signed_test tests/unit/media_test tests/unit/pipeline_content_test tests/unit/place_env_test tests/unit/place_test \
	tests/unit/serve_cond_test tests/unit/serve_routes_test tests/unit/store_blob_test tests/unit/store_closure_test tests/unit/store_gc_test tests/unit/store_generation_test \
	tests/unit/store_hub_test tests/unit/store_oci_test tests/unit/verify_admit_test \
	tests/unit/verify_assembly_test tests/unit/verify_trust_test tests/unit/verify_waybill_test
unit_tests_pack = tests/unit/archive_rewrite_test tests/unit/net_challenge_test tests/unit/net_origin_test \
	tests/unit/net_push_test tests/unit/net_redirect_test tests/unit/net_registry_test \
	tests/unit/net_resume_test tests/unit/net_tls_test tests/unit/net_transfer_test tests/unit/packlist_test \
	tests/unit/pipeline_pack_test tests/unit/pipeline_unpack_test tests/unit/publish_test \
	tests/unit/sources_cosign_test tests/unit/sources_image_test tests/unit/sources_ref_test
# Every bit and every length of a small bundle.
long_programs = tests/tamper/flip_test
include tests/fuzz/local.mk
