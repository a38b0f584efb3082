/* Whether the host is who it should be. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* In the order of preference; a key of the first column is asked for by the
 * names of the second. */
static const struct {
	const char *type, *algorithms;
} types[] = {
    {"ssh-ed25519", "ssh-ed25519"},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
    {"ssh-rsa", "rsa-sha2-512,rsa-sha2-256"},
};

static bool contains(const char *list, const char *type)
{
	size_t len = strlen(type);

	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (!strncmp(list, type, len) &&
		    (list[len] == ',' || !list[len]))
			return true;
	return false;
}

static void add_algorithms(struct buf *out, const char *known)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (known && !contains(known, types[i].type))
			continue;
		if (out->len)
			buf_putc(out, ',');
		buf_puts(out, types[i].algorithms);
	}
}

static void add_name(struct buf *out, const struct session *s)
{
	if (s->host_key_alias)
		known_hosts_name(out, s->host_key_alias, 22);
	else
		known_hosts_name(out, s->address, s->port);
}

/* As OpenSSH does: a host that is not known by its port may be by its name. */
static bool has_bare_name(const struct session *s)
{
	return !s->host_key_alias && s->port != 22;
}

static int known_types(
    struct buf *out, const struct session *s, bool bare, struct err *e)
{
	struct buf name = BUF_INIT;
	int rc;

	if (bare)
		known_hosts_name(&name, s->address, 22);
	else
		add_name(&name, s);
	if (buf_failed(&name))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	else
		rc = known_hosts_types(out, s->realm->known,
		    (const char *const *)s->known_hosts, name.data, e);
	buf_release(&name);
	return rc;
}

int hostkey_prepare(struct session *s, struct err *e)
{
	struct buf known = BUF_INIT, algorithms = BUF_INIT;
	int rc = 0;

	if (s->certified_type)
		buf_puts(&known, s->certified_type);
	else
		rc = known_types(&known, s, false, e);
	if (rc == 0 && !known.len && has_bare_name(s))
		rc = known_types(&known, s, true, e);
	if (rc < 0)
		goto out;
	add_algorithms(&algorithms, known.len ? known.data : NULL);
	if (!algorithms.len) /* none that we know: the check will say so */
		add_algorithms(&algorithms, NULL);
	if (buf_failed(&algorithms) ||
	    ssh_options_set(s->ssh, SSH_OPTIONS_HOSTKEYS, algorithms.data) < 0)
		rc = err_set(e, ERR_NOMEM, "out of memory");
out:
	buf_release(&known);
	buf_release(&algorithms);
	return rc;
}

/* "SHA256:..." as ssh-keygen -l prints it; the caller's to free. */
static char *fingerprint(ssh_key key)
{
	unsigned char *hash = NULL;
	char *text = NULL;
	size_t len;

	if (ssh_get_publickey_hash(
		key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len) == 0)
		text = ssh_get_fingerprint_hash(
		    SSH_PUBLICKEY_HASH_SHA256, hash, len);
	ssh_clean_pubkey_hash(&hash);
	return text;
}

static char *fingerprint_of(const char *type, const char *base64)
{
	ssh_key key = NULL;
	char *text = NULL;

	if (ssh_pki_import_pubkey_base64(
		base64, ssh_key_type_from_name(type), &key) == SSH_OK)
		text = fingerprint(key);
	ssh_key_free(key);
	return text;
}

static const char *or_damaged(const char *text)
{
	return text ? text : "(damaged)";
}

static int say_other(const struct session *s, const char *name,
    const struct known_answer *known, const char *type, const char *shown,
    struct err *e)
{
	char *noted = fingerprint_of(known->type, known->key);

	err_set(e, ERR_HOSTKEY,
	    "host '%s': wrong host key for '%s': %s:%u has %s %s, the host "
	    "shows %s %s: it was made anew, or somebody is in between; "
	    "compare with the host's own key and, if it is right, run: "
	    "ssh-keygen -R '%s' -f '%s'",
	    s->name, name, known->path, known->line, known->type,
	    or_damaged(noted), type, or_damaged(shown), name, known->path);
	free(noted);
	return ERR_HOSTKEY;
}

static int say_unknown(const struct session *s, const char *name,
    const char *type, const char *shown, struct err *e)
{
	return err_set(e, ERR_HOSTKEY,
	    "host '%s': no key of '%s' in '%s' or the other known_hosts "
	    "files; the host shows %s %s: compare it with the host's own key "
	    "and add it, or say --accept-new-host-keys",
	    s->name, name, s->known_hosts[0] ? s->known_hosts[0] : "", type,
	    or_damaged(shown));
}

static int take_new(const struct session *s, const char *name, const char *type,
    const char *key, struct err *e)
{
	if (!s->known_hosts[0])
		return err_set(e, ERR_HOSTKEY,
		    "host '%s': no known_hosts file to write its key to",
		    s->name);
	return known_hosts_add(s->known_hosts[0], name, type, key, e);
}

static int say_revoked(const struct session *s,
    const struct known_answer *known, const char *type, const char *shown,
    struct err *e)
{
	return err_set(e, ERR_HOSTKEY,
	    "host '%s': its key %s %s is revoked in %s:%u: give the host a new "
	    "one",
	    s->name, type, or_damaged(shown), known->path, known->line);
}

/* 1 where the key stands for the host's name without the port, or 0; a key that
 * is revoked there is not taken for a new one. */
static int check_bare(const struct session *s, const char *type,
    const char *key, const char *shown, struct err *e)
{
	struct buf name = BUF_INIT;
	struct known_answer known = {0};
	int rc;

	known_hosts_name(&name, s->address, 22);
	if (buf_failed(&name))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	else
		rc = known_hosts_check(&known, s->realm->known,
		    (const char *const *)s->known_hosts, name.data, type, key,
		    e);
	buf_release(&name);
	if (rc == 0 && known.state == KNOWN_REVOKED)
		rc = say_revoked(s, &known, type, shown, e);
	return rc < 0 ? rc : known.state == KNOWN_SAME;
}

/* Who may vouch for the host by a certificate: appended to `out`. */
static int authorities(
    struct buf *out, const struct session *s, const char *name, struct err *e)
{
	const char *const *paths = (const char *const *)s->known_hosts;
	struct buf bare = BUF_INIT;
	int rc = known_hosts_authorities(out, s->realm->known, paths, name, e);

	if (rc == 0 && !out->len && has_bare_name(s)) {
		known_hosts_name(&bare, s->address, 22);
		if (buf_failed(&bare))
			rc = err_set(e, ERR_NOMEM, "out of memory");
		else
			rc = known_hosts_authorities(
			    out, s->realm->known, paths, bare.data, e);
	}
	buf_release(&bare);
	return rc;
}

/* Tells the owner of a key that is not taken. */
static int tell(const struct session *s, struct shown_key *key, struct err *e)
{
	struct buf who = BUF_INIT;
	int rc = 0;

	if (!s->events.unknown_key || !key->fingerprint)
		return 0;
	if ((rc = authorities(&who, s, key->name, e)) == 0) {
		key->authorities = who.len ? who.data : "";
		s->events.unknown_key(s->arg, key);
	}
	buf_release(&who);
	return rc;
}

static bool is(const char *wanted, const char *shown)
{
	return wanted && shown && !strcmp(wanted, shown);
}

static int judge(const struct session *s, const char *name, const char *type,
    const char *key, const char *shown, struct err *e)
{
	struct shown_key told = {name, type, shown, NULL, false};
	struct known_answer known;
	int rc = known_hosts_check(&known, s->realm->known,
	    (const char *const *)s->known_hosts, name, type, key, e);

	if (rc < 0 || known.state == KNOWN_SAME)
		return rc;
	if (known.state == KNOWN_REVOKED)
		return say_revoked(s, &known, type, shown, e);
	told.other = known.state == KNOWN_OTHER;
	if (has_bare_name(s) &&
	    (rc = check_bare(s, type, key, shown, e)) != 0 &&
	    (rc < 0 || !told.other))
		return rc < 0 ? rc : 0;
	if (is(s->certified_key, shown))
		return 0;
	if ((s->accept_new && known.state == KNOWN_NOT) ||
	    (is(s->accept_key, shown) && !told.other))
		return take_new(s, name, type, key, e);
	if ((rc = tell(s, &told, e)) < 0)
		return rc;
	if (known.state == KNOWN_OTHER)
		return say_other(s, name, &known, type, shown, e);
	return say_unknown(s, name, type, shown, e);
}

int hostkey_check(struct session *s, struct err *e)
{
	struct buf name = BUF_INIT;
	char *base64 = NULL, *shown = NULL;
	ssh_key key = NULL;
	int rc;

	add_name(&name, s);
	if (buf_failed(&name) ||
	    ssh_get_server_publickey(s->ssh, &key) != SSH_OK ||
	    ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK) {
		rc = err_set(e, ERR_HOSTKEY,
		    "host '%s': the host's key cannot be read", s->name);
		goto out;
	}
	shown = fingerprint(key);
	rc = judge(s, name.data, ssh_key_type_to_char(ssh_key_type(key)),
	    base64, shown, e);
out:
	ssh_string_free_char(shown);
	ssh_string_free_char(base64);
	ssh_key_free(key);
	buf_release(&name);
	return rc;
}
