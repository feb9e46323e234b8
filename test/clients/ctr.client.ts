/** ctr: Debian's containerd 1.6. */
import { testCtr } from './ctr-tests.ts'

testCtr('ctr')
