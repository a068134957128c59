/** What keepalived does, where it does the same at many mistakes. */
export const READS_ON = 'keepalived logs it and goes on with the next line';
export const TAKES_DEFAULT = 'keepalived logs it and takes the default';
export const IGNORES_IT = 'keepalived logs it and goes on without it';
