/** Defaults that several commands share. */

export const DEFAULT_CONFIG_FILE = '/etc/lvsd/lvs.conf';
