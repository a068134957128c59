/** What can be wrong with the file grammar: LVS1300.. */
export const grammarDiagnostics = {
  longerThanKeepalived: {
    code: 'LVS1300',
    severity: 'warning',
    message: 'Line of {length} characters; keepalived reads lines of at most {limit}',
    help: 'break the line if keepalived is to read this file too',
  },
  carriageReturns: {
    code: 'LVS1301',
    severity: 'error',
    compat: 'keepalived reads the whole file as one line, and so next to nothing',
    message: 'This file is one line: its lines end in carriage returns only',
    help: "convert it: tr '\\r' '\\n'",
  },
  notUtf8: {
    code: 'LVS1302',
    severity: 'warning',
    message: 'A byte here is no UTF-8 text; it is read as U+FFFD',
    help: 'save the file as UTF-8',
  },
  includeUnmatched: {
    code: 'LVS1303',
    severity: 'error',
    message: "'{keyword} {pattern}' matches no file",
    help: "correct the pattern, or write 'include', which takes what is there",
  },
  includeSkipped: {
    code: 'LVS1304',
    severity: 'warning',
    message: "'{file}' is skipped: {reason}",
    help: 'a file that is to be read must be a regular file without execute permission',
  },
  includeRefused: {
    code: 'LVS1305',
    severity: 'error',
    message: "'{keyword}' must read all that it matches; '{file}' cannot be: {reason}",
    help: 'a file that is to be read must be a regular file without execute permission',
  },
  includePattern: {
    code: 'LVS1306',
    severity: 'error',
    message: 'This pattern is too long or names too many files',
    help: 'put the files into a directory and include its *.conf',
  },
  parameterLeft: {
    code: 'LVS1307',
    severity: 'warning',
    message: "'{found}' is left as it is: {reason}",
    help: 'remove the $ if no parameter is meant, or define it above',
  },
  invalidSequence: {
    code: 'LVS1308',
    severity: 'error',
    compat: 'keepalived leaves the line out, unless only the name is none',
    message: 'Sequence that cannot be read: {reason}',
    help: "write '{form} TEXT'",
  },
  expansionTooLarge: {
    code: 'LVS1309',
    severity: 'error',
    message: 'Parameters and sequences come to more than {limit}',
    help: 'a sequence with a wrong end, or parameters that multiply each other, is the usual cause',
  },
  unfinishedDefinition: {
    code: 'LVS1310',
    severity: 'warning',
    message: 'The value of the parameter {name} goes on, but the file ends',
    help: 'remove the backslash at the end of the last line',
  },
} as const;
