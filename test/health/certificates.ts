/** Certificates made by openssl, an authority and what it signs, in a directory of their own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly directory: string;
  readonly caFile: string;
  /** `daysLeft` may be negative: then it has ended. */
  sign(name: string, altNames: string, daysLeft: number): Certificate;
  remove(): void;
}

const DAY_MS = 86_400_000;

export function makeAuthority(): Authority {
  const directory = mkdtempSync(join(tmpdir(), 'lvsd-ca-'));
  const at = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=test CA');
  writeFileSync(at('index'), '');
  writeFileSync(
    at('ca.conf'),
    [
      '[ca]\ndefault_ca = this',
      '[this]\ndatabase = index\nnew_certs_dir = .\nserial = serial',
      'default_md = sha256\npolicy = any\nunique_subject = no\ncopy_extensions = copy',
      '[any]\ncommonName = supplied',
      '',
    ].join('\n'),
  );
  return {
    directory,
    caFile: at('ca.pem'),
    sign(name, altNames, daysLeft) {
      const [key, request, cert] = [`${name}.key`, `${name}.csr`, `${name}.pem`];
      const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${altNames}`];
      openssl('req', ...newKey, '-keyout', key, '-out', request, ...subject);
      const ends = Date.now() + daysLeft * DAY_MS;
      const times = ['-startdate', stamp(ends - 400 * DAY_MS), '-enddate', stamp(ends)];
      const by = ['-cert', 'ca.pem', '-keyfile', 'ca.key', '-rand_serial'];
      openssl('ca', '-batch', '-config', 'ca.conf', ...by, ...times, '-in', request, '-out', cert);
      return {
        certFile: at(cert),
        keyFile: at(key),
        cert: readFileSync(at(cert), 'utf8'),
        key: readFileSync(at(key), 'utf8'),
      };
    },
    remove() {
      rmSync(directory, { recursive: true });
    },
  };
}

/** YYYYMMDDHHMMSSZ */
function stamp(ms: number): string {
  return `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
}
