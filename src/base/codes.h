/* SPDX-License-Identifier: Apache-2.0 */
/* base/codes.h: every error valise can give, in one table.
 * The number is the E code in messages (E1102); number / 100 is the exit status (11). Numbers are stable: never
 * reused, never renumbered. valise-errors(7) explains each one; scripts/check-man compares.
 * X(name, number, what it means, what to do next when the message has no better advice) */
#ifndef VL_BASE_CODES_H
#define VL_BASE_CODES_H

#define VL_CODES(X)                                                                                                    \
	X(VL_E_INTERNAL, 101, "a fault in valise itself", "Please report it with the whole message.")                  \
	X(VL_E_INTERRUPTED, 102, "stopped by a signal", "Run the same command again to continue.")                     \
	X(VL_E_USAGE, 201, "the command line is wrong", "See valise COMMAND --help.")                                  \
	X(VL_E_PACKLIST, 202, "the packing list is wrong", "See valise.yaml(5).")                                      \
	X(VL_E_CONFIG, 203, "valise.conf is wrong", "See valise.conf(5).")                                             \
	X(VL_E_KEYFILE, 204, "a key file cannot be used as it is", "")                                                 \
	X(VL_E_TRUST_SET, 205, "a change of the trusted keys makes no sense", "See valise-trust(1).")                  \
	X(VL_E_EXISTS, 206, "a file is in the way and is not overwritten", "Choose another name or move it away.")     \
	X(VL_E_ABSENT, 207, "something named on the command line does not exist", "Check the name.")                   \
	X(VL_E_PARTIAL, 301, "some items failed, the others were done", "See the messages above.")                     \
	X(VL_E_SIG_MISSING, 1001, "there is no signature", "Ask the sender for a signed bundle.")                      \
	X(VL_E_SIG_BAD, 1002, "a signature does not match", "Do not use this bundle. Copy it again from the source.")  \
	X(VL_E_SIG_FORM, 1003, "a signature file is malformed", "Copy this file again from the source.")               \
	X(VL_E_SIG_LEGACY, 1004, "a legacy signature is refused", "Sign with valise, or with minisign -H.")            \
	X(VL_E_SIG_UNKNOWN, 1005, "no trusted key made the signature", "See valise trust list; valise-trust(1).")      \
	X(VL_E_SIG_FEW, 1006, "too few trusted signatures", "Ask the other signers; valise trust list shows the rule.")\
	X(VL_E_SIG_COMMENT, 1007, "the signed comment disagrees with the waybill", "Do not use this bundle.")          \
	X(VL_E_PASSWORD, 1008, "the password does not open the secret key", "Try again.")                              \
	X(VL_E_NO_TRUST, 1009, "no key is trusted yet", "Run valise trust add KEY.pub; see valise-workflow(7).")       \
	X(VL_E_FORMAT, 1101, "a file is not in the format it should be", "Copy this file again from the source.")      \
	X(VL_E_HASH, 1102, "the bytes of a file differ from the signed hash", "Copy this file again from the source.") \
	X(VL_E_SIZE, 1103, "a file has another size than signed", "Copy this file again from the source.")             \
	X(VL_E_PARCEL, 1104, "a parcel's content breaks the format", "Ask the sender to pack again.")                  \
	X(VL_E_CLOSURE, 1105, "the content is not complete, or holds what nobody asked for",                           \
	  "Ask the sender to pack again.")                                                                             \
	X(VL_E_DIGEST, 1106, "a blob does not have its digest", "Ask the sender to pack again.")                       \
	X(VL_E_NEWER, 1107, "the format is newer than this valise", "Install a newer valise on this host.")            \
	X(VL_E_ROLLBACK, 1201, "older than what is installed", "Take the newest bundle.")                              \
	X(VL_E_EQUIVOCATION, 1202, "two different bundles claim the same sequence number",                             \
	  "Ask the sender which one is right; somebody may hold a copy of the key.")                                   \
	X(VL_E_CHANNEL, 1203, "the bundle is for another channel", "Take the bundle of this channel.")                 \
	X(VL_E_EPOCH, 1204, "the bundle's epoch is not the one trusted here", "Ask the sender.")                       \
	X(VL_E_JUMP, 1205, "the sequence number jumps too far", "If this is right, use --accept-jump.")                \
	X(VL_E_WAYBILL, 1206, "the waybill is not the one required", "Check --require-waybill against the sender's.")  \
	X(VL_E_EXPIRED, 1301, "expired", "Take a newer bundle, or use --accept-expired if you must.")                  \
	X(VL_E_STALE, 1302, "older than --max-age allows", "Bring a newer bundle.")                                    \
	X(VL_E_VOLUME, 1501, "a volume or a parcel is missing", "Insert the volume that holds it, or copy it again.")  \
	X(VL_E_NO_BUNDLE, 1502, "there is no bundle here", "Name the directory that contains waybill.json.")           \
	X(VL_E_LIMIT, 1601, "a limit is exceeded", "See valise.conf(5) for the limits.")                               \
	X(VL_E_POLICY, 1602, "policy forbids it", "")                                                                  \
	X(VL_E_BUSY, 2001, "another valise works on this store", "Wait for it, or use --lock-wait.")                   \
	X(VL_E_NOSPACE, 2101, "no space left", "Free some space and run the same command again.")                      \
	X(VL_E_IO, 2201, "reading or writing failed", "Check the medium and the disk, then try again.")                \
	X(VL_E_READONLY, 2202, "the file system is read-only", "Mount it writable.")                                   \
	X(VL_E_PERMISSION, 2203, "permission denied", "Run as the owner, or change the rights.")                       \
	X(VL_E_READBACK, 2204, "what was read back is not what was written", "Do not send this medium. Use another.")  \
	X(VL_E_PLACE, 2205, "a place could not be filled", "Mend the place, then run valise unpack again.")            \
	X(VL_E_LISTEN, 2206, "an address cannot be listened on", "Choose another with --listen.")                      \
	X(VL_E_MEMORY, 2301, "not enough memory", "Use fewer --jobs.")                                                 \
	X(VL_E_FDS, 2302, "too many open files", "Raise ulimit -n.")                                                   \
	X(VL_E_STORE, 2401, "the store is damaged", "Restore it from a backup, or unpack a full bundle again.")        \
	X(VL_E_STATE, 2402, "the store's state is missing or damaged", "Run valise fsck.")                             \
	X(VL_E_NET, 3001, "the network or the server failed", "Run the same command again; finished parts are kept.")  \
	X(VL_E_TLS, 3002, "the server's certificate or TLS is not accepted", "See ca-file in valise.conf(5).")         \
	X(VL_E_TIMEOUT, 3003, "too slow or no answer", "Run the same command again; finished parts are kept.")         \
	X(VL_E_REDIRECT, 3004, "a redirect or an address is not followed", "Check the URL.")                           \
	X(VL_E_REFUSED, 3101, "the server refuses access", "Check the credentials; see valise.conf(5).")               \
	X(VL_E_GONE, 3102, "the server does not have it", "Check the name in the packing list.")                       \
	X(VL_E_RATE, 3103, "the server's rate limit is reached", "Wait, or use credentials or a mirror.")              \
	X(VL_E_CONTENT, 3201, "the server's content is not what it should be", "Try again later, or another mirror.")  \
	X(VL_E_TYPE, 3202, "the server's content has the wrong type", "Check the reference in the packing list.")      \
	X(VL_E_PIN, 3203, "the content does not match its pin", "Check the pin; if it is right, do not use the file.") \
	X(VL_E_UPSTREAM_SIG, 3204, "an image's signature is missing or bad", "Check cosign-key; do not use the image.")

#define VL_CODE_ENUM_(name, number, what, advice) name = number,
enum vl_code { VL_OK = 0, VL_CODES(VL_CODE_ENUM_) };

#endif
