//! `--credential-files`: the files of programs, in which only the credential is masked.

use crate::home::Home;

/// The credential in each file, in place of `VALUE`.
const VALUE: &str = "zulu-kite-4471-moon";

/// Files by name, and words of theirs that are no credentials.
const FILES: &[(&str, &str, &str)] = &[
    (".curlrc", "user = \"bot:VALUE\"\n", "bot"),
    (".curlrc", "header = \"Authorization: Bearer VALUE\"\n", ""),
    (".wgetrc", "http_user = bot1\nhttp_password = VALUE\n", "bot1"),
    (".snowsql/config", "[connections]\naccountname = acme1\nusername = joey\npassword = VALUE\n", "acme1 joey"),
    (".redisclirc", "auth VALUE\n", ""),
    (".odbc.ini", "[db]\nDriver = PostgreSQL\nUID = joey1\nPWD = VALUE\n", "joey1 PostgreSQL"),
    (".cassandra/cqlshrc", "[authentication]\nusername = joey1\npassword = VALUE\n", "joey1"),
    (".passwd-s3fs", "AKIAX44711234ABCD:VALUE\n", ""),
    (
        ".ivy2/.credentials",
        "realm=Sonatype\nhost=repo.acme.com\nuser=joey1\npassword=VALUE\n",
        "Sonatype repo.acme.com",
    ),
    (".muttrc", "set imap_user = \"joey1\"\nset imap_pass = \"VALUE\"\n", "joey1"),
    (
        ".hgrc",
        "[ui]\nusername = Joe <j@x>\n[auth]\nx.prefix = https://h.x\nx.username = joey1\nx.password = VALUE\n",
        "joey1",
    ),
    (".mbsyncrc", "IMAPAccount a\nHost imap.x.com\nUser joey1\nPass VALUE\n", "joey1 imap.x.com"),
    (".mbsyncrc", "IMAPAccount a\nHost imap.x.com\nUser joey1\nPass \"VALUE\"\n", "joey1 imap.x.com"),
    (".offlineimaprc", "[Repository R]\nremoteuser = joey1\nremotepass = VALUE\n", "joey1"),
    (
        ".config/linode-cli",
        "[DEFAULT]\ndefault-user = joey1\n[joey1]\ntoken = VALUE\nregion = us-east\n",
        "joey1 us-east",
    ),
    (".config/aerc/accounts.conf", "[a]\nsource = imaps://joey1:VALUE@imap.x.com\nfrom = Joe <j@x>\n", ""),
    (
        ".subversion/auth/svn.simple/0a",
        "K 8\npasstype\nV 6\nsimple\nK 8\npassword\nV 19\nVALUE\nK 15\nsvn:realmstring\nV 9\n<https:x>\nK 8\nusername\nV 5\njoey1\nEND\n",
        "joey1 simple",
    ),
    (".Renviron", "R_LIBS_USER=~/R\nGITHUB_PAT=VALUE\n", "R_LIBS_USER"),
    (".hex/hex.config", "{'$write_key',<<\"VALUE\">>}.\n{username,<<\"joey1\">>}.\n", "joey1"),
    (
        ".bluemix/config.json",
        "{\"APIEndpoint\":\"https://cloud.ibm.com\",\"IAMToken\":\"Bearer VALUE\",\"Region\":\"us-south\"}",
        "us-south",
    ),
    (
        ".oci/config",
        "[DEFAULT]\nuser=ocid1.user.oc1..aaaa\nfingerprint=aa:bb\nkey_file=~/.oci/k.pem\npass_phrase=VALUE\nregion=us-ashburn-1\n",
        "us-ashburn-1",
    ),
    (".ovh.conf", "[default]\nendpoint=ovh-eu\n[ovh-eu]\napplication_key=VALUE\n", "ovh-eu"),
    (".modal.toml", "[default]\ntoken_id = \"ak-1234\"\ntoken_secret = \"VALUE\"\nactive = true\n", "active"),
    (
        ".influxdbv2/configs",
        "[default]\n  url = \"http://localhost:8086\"\n  token = \"VALUE\"\n  org = \"acme1\"\n",
        "acme1",
    ),
    (".local/share/opencode/auth.json", "{\"anthropic\":{\"type\":\"api\",\"key\":\"VALUE\"}}", "anthropic"),
    (
        ".pulumi/credentials.json",
        "{\"current\":\"https://api.pulumi.com\",\"accessTokens\":{\"https://api.pulumi.com\":\"VALUE\"}}",
        "api.pulumi.com",
    ),
    (
        ".config/github-copilot/apps.json",
        "{\"github.com:Iv1\":{\"user\":\"joey1\",\"oauth_token\":\"VALUE\",\"githubAppId\":\"Iv1\"}}",
        "joey1",
    ),
    (
        ".config/configstore/firebase-tools.json",
        "{\"tokens\":{\"refresh_token\":\"VALUE\",\"scope\":\"email\"},\"user\":{\"email\":\"j@x.com\"}}",
        "j@x.com",
    ),
    (".config/stripe/config.toml", "[default]\ndevice_name = \"box1\"\ntest_mode_api_key = \"VALUE\"\n", "box1"),
    (".kaggle/kaggle.json", "{\"username\":\"joey1\",\"key\":\"VALUE\"}", "joey1"),
    (".codex/auth.json", "{\"OPENAI_API_KEY\":\"VALUE\",\"tokens\":null}", ""),
    (
        ".claude/.credentials.json",
        "{\"claudeAiOauth\":{\"accessToken\":\"VALUE\",\"refreshToken\":\"r\",\"expiresAt\":1748658860401,\"scopes\":[\"user:inference\"],\"subscriptionType\":\"max\"}}",
        "max 1748658860401 user:inference",
    ),
    (
        ".gemini/oauth_creds.json",
        "{\"access_token\":\"VALUE\",\"scope\":\"https://www.googleapis.com/auth/userinfo.email\",\"token_type\":\"Bearer\",\"expiry_date\":1754000000000}",
        "Bearer 1754000000000",
    ),
    (".cloudflared/uuid.json", "{\"AccountTag\":\"acme1\",\"TunnelSecret\":\"VALUE\",\"TunnelID\":\"uuid\"}", "acme1"),
    (
        ".aliyun/config.json",
        "{\"current\":\"default\",\"profiles\":[{\"name\":\"default\",\"mode\":\"AK\",\"access_key_id\":\"LTAI\",\"access_key_secret\":\"VALUE\",\"region_id\":\"cn-hz\"}]}",
        "cn-hz",
    ),
    (".config/doctl/config.yaml", "access-token: VALUE\napi-url: \"\"\n", ""),
    (
        ".config/hcloud/cli.toml",
        "active_context = \"prod1\"\n[[contexts]]\n  name = \"prod1\"\n  token = \"VALUE\"\n",
        "prod1",
    ),
    (
        ".config/netlify/config.json",
        "{\"telemetryDisabled\":false,\"cliId\":\"abc\",\"userId\":\"u1\",\"users\":{\"u1\":{\"id\":\"u1\",\"name\":\"Joey\",\"auth\":{\"token\":\"VALUE\"}}}}",
        "Joey",
    ),
    (".config/ngrok/ngrok.yml", "version: \"3\"\nagent:\n    authtoken: VALUE\n", ""),
    (
        ".config/openstack/clouds.yaml",
        "clouds:\n  a:\n    auth:\n      auth_url: https://k:5000\n      username: joey1\n      password: VALUE\n    region_name: RegionOne\n",
        "joey1 RegionOne",
    ),
    (".config/scw/config.yaml", "access_key: SCW1\nsecret_key: VALUE\ndefault_region: fr-par\n", "fr-par"),
    (
        ".config/yandex-cloud/config.yaml",
        "current: default\nprofiles:\n  default:\n    token: VALUE\n    cloud-id: b1g1\n",
        "b1g1",
    ),
    (
        ".config/.wrangler/config/default.toml",
        "oauth_token = \"VALUE\"\nexpiration_time = \"2024-11-01T00:00:00.000Z\"\nscopes = [\"account:read\"]\n",
        "account:read 2024-11-01T00:00:00.000Z",
    ),
    (".railway/config.json", "{\"projects\":{},\"user\":{\"token\":\"VALUE\"}}", "projects"),
    (
        ".jfrog/jfrog-cli.conf.v6",
        "{\"servers\":[{\"url\":\"https://a.jfrog.io/\",\"user\":\"joey1\",\"accessToken\":\"VALUE\",\"serverId\":\"a1\"}],\"version\":\"6\"}",
        "joey1",
    ),
    (".sentryclirc", "[auth]\ntoken=VALUE\n[defaults]\norg=acme1\n", "acme1"),
    (".confluent/config.json", "{\"contexts\":{\"x\":{\"state\":{\"auth_token\":\"VALUE\"}}}}", "contexts"),
    (
        ".transifexrc",
        "[https://www.transifex.com]\nrest_hostname = https://rest.api.transifex.com\ntoken = VALUE\n",
        "rest.api.transifex.com",
    ),
    (".cache/huggingface/stored_tokens", "[mytok]\nhf_token = VALUE\n", "mytok"),
    (".davfs2/secrets", "https://dav.x/ joey1 \"VALUE\"\n", "joey1"),
    (".smbcredentials", "username=joey1\npassword=VALUE\ndomain=ACME1\n", "joey1 ACME1"),
    (".fetchmailrc", "poll imap.x.com proto imap user joey1 password VALUE\n", "joey1"),
    (
        ".boto",
        "[Credentials]\ngs_access_key_id = GOOG1\ngs_secret_access_key = VALUE\n[Boto]\nhttps_validate_certificates = True\n",
        "True",
    ),
    (
        ".config/glab-cli/config.yml",
        "hosts:\n    gitlab.com:\n        token: !!null VALUE\n        api_protocol: https\n        user: joey1\n",
        "joey1",
    ),
    (
        ".config/tea/config.yml",
        "logins:\n    - name: x1\n      url: https://t.x\n      token: VALUE\n      user: joey1\n",
        "joey1",
    ),
    (".travis/config.yml", "endpoints:\n  https://api.travis-ci.com/:\n    access_token: VALUE\n", ""),
    (".circleci/cli.yml", "host: https://circleci.com\ntoken: VALUE\n", "circleci.com"),
    (
        ".doppler/.doppler.yaml",
        "scoped:\n  /:\n    token: VALUE\n    api-host: https://api.doppler.com\n",
        "api.doppler.com",
    ),
    (
        ".gitconfig",
        "[user]\n\tname = Joey1\n\temail = j@x.com\n[url \"https://joey2:VALUE@github.com/\"]\n\tinsteadOf = https://github.com/\n",
        "Joey1 j@x.com",
    ),
    (
        ".gitconfig",
        "[http \"https://dev.azure.com/\"]\n\textraheader = AUTHORIZATION: bearer VALUE\n[core]\n\teditor = vim1\n",
        "vim1",
    ),
    (".ansible/galaxy_token", "token: VALUE\n", ""),
    (
        ".chef/credentials",
        "[default]\nclient_name = \"joey1\"\nchef_server_url = \"https://c.x\"\nclient_key = \"/home/x/k.pem\"\ndata_collector_token=\"VALUE\"\n",
        "joey1",
    ),
    (".puppetlabs/token", "VALUE", ""),
    (
        ".config/argocd/config",
        "contexts:\n- name: a\n  user: a\nusers:\n- auth-token: VALUE\n  name: a.x\n  refresh-token: rrrrrrr\n",
        "a.x",
    ),
    (
        ".config/helm/repositories.yaml",
        "repositories:\n- caFile: \"\"\n  name: acme1\n  password: VALUE\n  url: https://c.x\n  username: joey1\n",
        "joey1 acme1",
    ),
    (".config/pnpm/auth.ini", "//registry.npmjs.org/:_authToken=VALUE\n", "registry.npmjs.org"),
    (
        ".local/share/uv/credentials/credentials.toml",
        "[[credential]]\nservice = \"https://x.y\"\nusername = \"joey1\"\nscheme = \"basic\"\npassword = \"VALUE\"\n",
        "joey1 basic",
    ),
    (
        ".dbt/profiles.yml",
        "x:\n  outputs:\n    dev:\n      type: postgres\n      user: joey1\n      pass: VALUE\n      dbname: acme1\n",
        "joey1 acme1 postgres",
    ),
    (".pg_service.conf", "[prod]\nhost=db.x\nuser=joey1\npassword=VALUE\n", "joey1 db.x"),
    (".clickhouse-client/config.xml", "<config>\n <user>joey1</user>\n <password>VALUE</password>\n</config>", "joey1"),
    (
        ".aws/sso/cache/1.json",
        "{\"startUrl\":\"https://x.awsapps.com/start\",\"region\":\"eu-west-1\",\"accessToken\":\"VALUE\",\"expiresAt\":\"2024-01-01T00:00:00Z\",\"clientId\":\"cid1\",\"clientSecret\":\"eyJz\",\"registrationExpiresAt\":\"2024-04-01T00:00:00Z\"}",
        "eu-west-1 2024-01-01T00:00:00Z",
    ),
    (
        ".aws/cli/cache/1.json",
        "{\"Credentials\":{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"x\",\"SessionToken\":\"VALUE\",\"Expiration\":\"2024-01-01T00:00:00Z\"},\"ProviderType\":\"sso\"}",
        "2024-01-01T00:00:00Z",
    ),
    (".vault-token", "VALUE", ""),
    (
        ".config/coursier/credentials.properties",
        "simple.username=joey1\nsimple.password=VALUE\nsimple.host=a.x\n",
        "joey1 a.x",
    ),
    (
        ".config/NuGet/NuGet.Config",
        "<configuration><packageSourceCredentials><a><add key=\"Username\" value=\"joey1\" /><add key=\"ClearTextPassword\" value=\"VALUE\" /></a></packageSourceCredentials></configuration>",
        "joey1",
    ),
    (
        ".config/dart/pub-tokens.json",
        "{\"version\":1,\"hosted\":[{\"url\":\"https://p.x\",\"token\":\"VALUE\"}]}",
        "p.x",
    ),
    (".supabase/access-token", "VALUE", ""),
    (
        ".local/share/com.vercel.cli/auth.json",
        "{\"// Note\":\"This is your Vercel credentials file. DO NOT SHARE!\",\"token\":\"VALUE\"}",
        "Note",
    ),
    (".databrickscfg", "[DEFAULT]\nhost  = https://a.cloud.databricks.com\ntoken = VALUE\n", "a.cloud.databricks.com"),
    (".config/msmtp/config", "account a\nhost smtp.x.com\nuser joey1\npassword VALUE\n", "joey1 smtp.x.com"),
    (
        ".config/neomutt/neomuttrc",
        "set smtp_url = \"smtps://joey1@smtp.x.com\"\nset smtp_pass=\"VALUE\"\n",
        "smtp.x.com",
    ),
];

#[test]
fn only_the_credentials_in_files_of_programs_are_masked() {
    for (name, content, plain) in FILES {
        let home = Home::new();
        home.write(name, &content.replace("VALUE", VALUE));
        let ran = home.ran(&["--credential-files"], &format!("a {VALUE} b {plain}")).ends(0);
        assert_eq!(ran.out(), format!("a [REDACTED:{name}] b {plain}"), "{name}: {content}");
    }
}
