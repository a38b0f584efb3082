/* known_hosts, and what it is made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sha1.h"
#include "ssh/known_hosts.h"
#include "ssh/pattern.h"

/* RFC 2202, section 3: key, data, digest. */
static const struct {
	const char *key, *data, *digest;
} hmacs[] = {
    {"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
     "\x0b\x0b\x0b\x0b",
	"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"},
    {"Jefe", "what do ya want for nothing?",
	"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
     "\xaa\xaa\xaa\xaa",
	"\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
	"\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
	"\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
	"\xdd\xdd",
	"125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
};

static void hmac_sha1_is_that_of_rfc_2202(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hmacs) / sizeof(hmacs[0]); i++) {
		uint8_t digest[SHA1_BYTES];
		char hex[2 * SHA1_BYTES + 1];
		struct hmac_sha1 h;

		hmac_sha1_key(&h, hmacs[i].key, strlen(hmacs[i].key));
		hmac_sha1(digest, &h, hmacs[i].data, strlen(hmacs[i].data));
		for (int b = 0; b < SHA1_BYTES; b++)
			snprintf(hex + 2 * b, 3, "%02x", digest[b]);
		assert_string_equal(hex, hmacs[i].digest);
	}
}

static void patterns_match(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool wanted;
	} all[] = {
	    {"", "", true},
	    {"*", "", true},
	    {"?", "", false},
	    {"a*b*c", "aXXbYYc", true},
	    {"a*b*c", "aXXcYYb", false},
	    {"*a", "aaaab", false},
	    {"*a", "baaaa", true},
	    {"a?c", "abc", true},
	    {"a", "A", false},
	    {"*****************x", "yyyyyyyyyyyyyyyyyyyyyyyyyy", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(
		    pattern_match(all[i].pattern, all[i].text), all[i].wanted);
	assert_true(pattern_list_match("a,b*", ',', "BC"));
	assert_false(pattern_list_match("!bc,b*", ',', "bc"));
	assert_false(pattern_list_match("!a", ',', "b"));
	assert_false(pattern_list_match(",,", ',', ""));
}

#define K1 "ssh-ed25519 AAAA1"
#define K2 "ssh-ed25519 AAAA2"
#define R1 "ssh-rsa BBBB1"
/* made with ssh-keygen -H, of "web1" */
#define HASHED "|1|UF1ENAoRUFnmbU06jlzBPBQ0Tdk=|3i4a1Mf1QfXtlGVwQfHw8Pq/Zn4="

/* A file; who is looked for with the key K1; the verdict and its line. */
static const struct {
	const char *name, *text, *host;
	enum known_state state;
	unsigned line;
} files[] = {
    {"nothing", "", "web1", KNOWN_NOT, 0},
    {"its key", "web1 " K1 "\n", "web1", KNOWN_SAME, 1},
    {"without a last newline", "web1 " K1, "web1", KNOWN_SAME, 1},
    {"one of several names", "x,web1,y " K1 "\n", "web1", KNOWN_SAME, 1},
    {"letters do not matter", "WEB1 " K1 "\n", "web1", KNOWN_SAME, 1},
    {"comment, blanks, CR", "# web1 " K2 "\n\n \tweb1\t" K1 " me\r\n", "web1",
	KNOWN_SAME, 3},
    {"another key", "web1 " K2 "\n", "web1", KNOWN_OTHER, 1},
    {"another key beside its own", "web1 " K2 "\nweb1 " K1 "\n", "web1",
	KNOWN_SAME, 2},
    {"of other keys the one of the same type", "web1 " R1 "\nweb1 " K2, "web1",
	KNOWN_OTHER, 2},
    {"a pattern", "web? " K1 "\n", "web1", KNOWN_SAME, 1},
    {"a negation", "web*,!web1 " K1 "\n", "web1", KNOWN_NOT, 0},
    {"brackets are no pattern", "[web1]:22 " K1 "\n", "web1", KNOWN_NOT, 0},
    {"a port", "[web1]:23 " K1 "\n", "[web1]:23", KNOWN_SAME, 1},
    {"revoked", "web1 " K1 "\n@revoked * " K1 "\n", "web1", KNOWN_REVOKED, 2},
    {"another key revoked", "@revoked * " K2 "\nweb1 " K1 "\n", "web1",
	KNOWN_SAME, 2},
    {"an authority", "@cert-authority * " K1 "\n", "web1", KNOWN_AUTHORITY, 1},
    {"an unknown mark", "@whatever web1 " K1 "\n", "web1", KNOWN_NOT, 0},
    {"hashed", HASHED " " K1 "\n", "web1", KNOWN_SAME, 1},
    {"hashed, another name", HASHED " " K1 "\n", "web2", KNOWN_NOT, 0},
    {"hashed, damaged", "|1|F1E1|3i4a1Mf1QfXtlGVwQfHw8Pq/Zn4= " K1, "web1",
	KNOWN_NOT, 0},
    {"hashed, more damaged", "|1|" K1 "\n|1||\n|1| x y\n", "web1", KNOWN_NOT,
	0},
    {"half a line", "web1 ssh-ed25519\nweb1\n", "web1", KNOWN_NOT, 0},
};

static void files_vouch_for_whom_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct known_answer answer = {0};
		struct known_file *f;

		assert_int_equal(
		    known_file_parse(&f, "kh", strdup(files[i].text), NULL), 0);
		known_file_check(
		    &answer, f, files[i].host, "ssh-ed25519", "AAAA1");
		if (answer.state != files[i].state ||
		    answer.line != files[i].line)
			fail_msg("%s: state %d, line %u", files[i].name,
			    answer.state, answer.line);
		known_file_free(f);
	}
}

static void names_hold_the_port_where_it_is_not_22(void **state)
{
	struct buf name = BUF_INIT;

	(void)state;
	known_hosts_name(&name, "Web1.Example", 22);
	buf_putc(&name, ' ');
	known_hosts_name(&name, "::1", 2222);
	assert_string_equal(name.data, "web1.example [::1]:2222");
	buf_release(&name);
}

static void damage_hides_no_line_below_it(void **state)
{
	static const char text[] = "web ssh-ed25519 AAAA\n\0\0\0 x y\n"
				   "@revoked * ssh-ed25519 AAAA\n";
	char path[] = "/tmp/neap-known-XXXXXX";
	const char *const paths[] = {path, NULL};
	struct known_hosts *kh = known_hosts_new();
	struct known_answer answer;
	int fd = mkstemp(path);
	struct err e;

	(void)state;
	assert_int_equal(
	    write(fd, text, sizeof(text) - 1), (int)sizeof(text) - 1);
	close(fd);
	assert_int_equal(known_hosts_check(&answer, kh, paths, "web",
			     "ssh-ed25519", "AAAA", &e),
	    0);
	unlink(path);
	assert_int_equal(answer.state, KNOWN_REVOKED);
	assert_int_equal(answer.line, 3);
	known_hosts_free(kh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hmac_sha1_is_that_of_rfc_2202),
	    cmocka_unit_test(patterns_match),
	    cmocka_unit_test(files_vouch_for_whom_they_should),
	    cmocka_unit_test(names_hold_the_port_where_it_is_not_22),
	    cmocka_unit_test(damage_hides_no_line_below_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
